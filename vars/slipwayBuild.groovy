/** Does all tasks of a run that slipwayPlan made; see slipwayBuild.txt. */
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

/** A lane's work as a closure: its own copy of what differs between lanes. */
Closure laneOf(Map farm, int label, String lane, Map o) {
    return { ->
        try {
            // An agent that vanished costs what the lane had under way, which any lane may take then.
            retry(count: 100, conditions: [agent(), nonresumable()]) {
                slipwayTasks.putBack(farm, lane, true, 'its agent vanished')
                slipwayLane(farm, label, lane, o)
            }
        } catch (e) {
            // An abort reaches lanes inside a step alone. One between two steps would wait for ever for what this one
            // had under way.
            farm.stopped = true
            throw e
        }
    }
}
