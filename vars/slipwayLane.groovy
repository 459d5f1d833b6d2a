/** A lane of slipwayBuild: holds an agent while there is work for it, gives it back, and looks again until it is not needed any more; see slipwayLane.txt. */
void call(Map farm, int label, String lane, Map o) {
    int pause = 1
    while (farm.left[label] > 0 && pause > 0 && !farm.stopped) {
        if (farm.ready[label].isEmpty()) {
            pause = slipwayHand.pause(farm, label, lane)
            if (pause > 0) { sleep(time: pause, unit: 'SECONDS') }
        } else {
            farm.idle[label].remove(lane)
            node(farm.labels[label]) {
                boolean sound = true
                while (sound && !farm.stopped && !farm.ready[label].isEmpty()) {
                    sound = work(farm, lane, slipwayHand.take(farm, label, lane), o)
                }
            }
        }
    }
}

/** One call of the program on the agent at hand. False where it did not come to its own end. */
boolean work(Map farm, String lane, String tasks, Map o) {
    List words = slipway.joined([slipway.ofRun('work', farm, o.state), ['--tasks', tasks], o.arguments])
    String reply = ''
    try {
        reply = sh(script: slipwayProgram.stashed(farm.program, words), returnStdout: true, label: 'slipway work')
    } catch (hudson.AbortException e) {
        // Exit code -1 is an agent that came back without the process; others are the program's, told in the log.
        echo("slipway work ${tasks}: ${e.message}")
    }
    boolean missing = reply.startsWith('no program')
    if (missing) {
        dir(pwd(tmp: true)) {
            unstash(farm.program)
        }
    }
    boolean whole = slipwayTasks.settle(farm, reply)
    slipwayTasks.putBack(farm, lane, !missing)
    return whole || missing
}
