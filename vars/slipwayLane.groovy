/** A lane of slipwayBuild: holds an agent while it has tasks, then releases it; see slipwayLane.txt. */
void call(Map farm, int label, String lane, Map o) {
    int pause = 1
    while (farm.left[label] > 0 && pause != 0 && !farm.stopped) {
        pause = slipwayBatch.next(farm, label, lane)
        if (pause > 0) { sleep(time: pause, unit: 'SECONDS') }
        if (pause < 0 && slipwayAgents.there(farm, label, o)) {
            node(slipwayAgents.of(farm, label)) {
                farm.came[label] = true
                hold(farm, label, lane, o)
            }
        }
    }
}

/** Runs tasks on the current agent until none is ready or `hold` minutes are over, so that other builds get a turn. */
void hold(Map farm, int label, String lane, Map o) {
    String agent = (env.NODE_NAME ?: 'built-in').toString()
    boolean more = isSound(farm, agent, o)
    long until = slipwayAgents.now() + o.hold * 60000L
    while (more && !farm.stopped) {
        String tasks = slipwayBatch.take(farm, label, lane, agent)
        if (tasks == '' && slipwayBatch.isRefused(farm, label, agent)) { sleep(time: 15, unit: 'SECONDS') }
        more = tasks != '' && work(farm, lane, agent, tasks, o) && slipwayAgents.now() < until
    }
}

/** Whether an agent can build at all. Checked once in a run, before the agent gets its first task. */
boolean isSound(Map farm, String agent, Map o) {
    if (farm.bad.containsKey(agent) || farm.leaving.containsKey(agent)) { return false }
    if (farm.sound.containsKey(agent)) { return true }
    List words = slipway.joined([slipway.ofRun('work', farm, o.state), ['--check'], o.arguments])
    String fault = slipwayAgents.checked(farm, agent, run(farm, words))
    if (fault) { echo(fault) }
    return fault == ''
}

/** One call of the program for some tasks. False if the program broke off. */
boolean work(Map farm, String lane, String agent, String tasks, Map o) {
    List words = slipway.joined([slipway.ofRun('work', farm, o.state), ['--tasks', tasks], o.arguments])
    String reply = run(farm, words)
    String fault = slipwayTasks.record(farm, lane, agent, reply)
    if (fault) { echo(fault) }
    return fault == ''
}

/** Runs the program on the current agent, after copying it there if it is missing. Returns its output. */
String run(Map farm, List words) {
    String script = slipwayProgram.stashed(farm.program, words)
    String reply = ''
    try {
        reply = sh(script: script, returnStdout: true, label: "slipway ${words[0]}".toString())
        if (reply.startsWith('no program')) {
            dir(pwd(tmp: true)) { unstash(farm.program) }
            reply = sh(script: script, returnStdout: true, label: "slipway ${words[0]}".toString())
        }
    } catch (hudson.AbortException e) {
        // Exit code -1: the agent reconnected, but the process is gone.
        reply = "fault ${e.message}".toString()
    }
    return reply
}
