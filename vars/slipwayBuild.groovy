/** Does all tasks of a run that slipwayPlan made; see slipwayBuild.txt. */
void call(Map farm, Map given = [:]) {
    Map o = slipway.options('slipwayBuild', [lanes: 10, state: null, arguments: []], given)
    Map branches = [:]
    for (int label = 0; label < farm.labels.size(); label++) {
        int lanes = Math.min(o.lanes.toString().toInteger(), farm.left[label])
        farm.lanes[label] = lanes
        for (int i = 1; i <= lanes; i++) {
            String lane = "${farm.labels[label]} ${i}"
            branches.put(lane, laneOf(farm, label, lane, o))
        }
    }
    if (branches) {
        parallel(branches)
    }
}

/** A lane's work as a closure: its own copy of what differs between lanes. */
Closure laneOf(Map farm, int label, String lane, Map o) {
    return { ->
        try {
            // An agent that vanished costs what the lane had in hand, which any lane may take then.
            retry(count: 100, conditions: [agent(), nonresumable()]) {
                slipwaySchedule.putBack(farm, lane)
                runLane(farm, label, lane, o)
            }
        } catch (e) {
            // An abort reaches lanes inside a step alone: one between two steps would wait for ever for what this one had in hand.
            farm.stopped = true
            throw e
        }
    }
}

/** Holds an agent while there is work for it, gives it back when there is none, and looks again until all is done. */
void runLane(Map farm, int label, String lane, Map o) {
    while (farm.left[label] > 0 && !farm.stopped) {
        if (farm.ready[label].isEmpty()) {
            sleep(time: slipwaySchedule.pause(farm, label, lane), unit: 'SECONDS')
        } else {
            slipwaySchedule.awake(farm, lane)
            node(farm.labels[label]) {
                workOn(farm, label, lane, o)
            }
        }
    }
}

void workOn(Map farm, int label, String lane, Map o) {
    boolean sound = true
    while (sound && !farm.stopped && !farm.ready[label].isEmpty()) {
        String tasks = slipwaySchedule.take(farm, label, lane)
        List words = ['work', '--run', farm.run, '--store', farm.store, '--tasks', tasks] + slipway.stateOf(o.state) + (farm.place ? ['--place', farm.place] : []) + o.arguments
        String reply = ''
        try {
            reply = sh(script: slipway.stashed(farm.program, words), returnStdout: true, label: 'slipway work')
        } catch (hudson.AbortException e) {
            // Exit code -1 is an agent that came back without the process; others are the program's, told in the log.
            echo("slipway work ${tasks}: ${e.message}")
        }
        if (reply.startsWith('no program')) {
            slipwaySchedule.putBack(farm, lane, false)
            dir(pwd(tmp: true)) {
                unstash(farm.program)
            }
        } else {
            sound = slipwaySchedule.settle(farm, reply)
            slipwaySchedule.putBack(farm, lane)
        }
    }
}
