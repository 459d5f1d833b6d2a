/** Runs all tasks of a run that slipwayPlan planned; see slipwayBuild.txt. */
void call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayBuild', [lanes: 10, state: null, arguments: [], hold: 10, agentMinutes: 10], given)
    Map branches = [:]
    for (int label = 0; label < farm.labels.size(); label++) {
        farm.lanes[label] = Math.min(o.lanes.toString().toInteger(), farm.left[label])
        for (int i = 1; i <= farm.lanes[label]; i++) {
            String lane = "${farm.labels[label]} ${i}".toString()
            branches.put(lane, laneOf(farm, label, lane, o))
        }
    }
    if (branches) {
        branches.put('waits for agents', { -> slipwayAgents.watch(farm, o.agentMinutes) })
        parallel(branches)
    }
}

/** A lane as a closure with its own copy of the values that differ between lanes. */
Closure laneOf(Map farm, int label, String lane, Map o) {
    return { ->
        try {
            // If the agent disappears, the lane's running tasks become ready again, for any lane.
            retry(count: 100, conditions: [agent(), nonresumable()]) {
                slipwayTasks.putBack(farm, lane, true, 'its agent disappeared')
                slipwayLane(farm, label, lane, o)
            }
        } catch (e) {
            // An abort only reaches lanes that are inside a step. A lane between two steps would wait forever for the
            // tasks of this one.
            farm.stopped = true
            throw e
        }
    }
}
