/** Which agents a run uses, and which it avoids; see slipwayAgents.txt. */

/** A label without the agents that are avoided (a map by their names). */
@NonCPS
String without(String label, Map avoided) {
    if (avoided.isEmpty()) { return label }
    String all = '(' + label + ')'
    for (Object name : avoided.keySet()) { all = all + ' && !"' + name.toString().replace('"', '') + '"' }
    return all
}

/** Takes what `work --check` said on an agent; gives what is wrong there, where something is. */
@NonCPS
String checked(Map farm, String agent, String reply) {
    if (slipwayTasks.lines(reply).contains('ready')) {
        farm.sound.put(agent, true)
        return ''
    }
    return avoid(farm, agent, slipwayTasks.faultOf(reply))
}

/** From now on nothing of this run is done on an agent. */
@NonCPS
String avoid(Map farm, String agent, String reason) {
    farm.bad.put(agent, reason)
    farm.sound.remove(agent)
    return 'slipway: the agent ' + agent + ' is avoided for the rest of this run: ' + reason
}

/**
 * Whether a lane may ask for an agent. Where some are avoided it first sees whether there are others: none within `agentMinutes`, and
 * no lane at work, ends the run.
 */
boolean there(Map farm, int label, Map o) {
    if (farm.bad.isEmpty()) { return true }
    long until = now() + o.agentMinutes * 60000L
    boolean found = false
    try {
        timeout(time: o.agentMinutes, unit: 'MINUTES') {
            node(without(farm.labels[label], farm.bad)) { found = true }
        }
    } catch (e) {
        if (found || now() < until) { throw e }
    }
    if (!found) {
        String end = none(farm, label, o.agentMinutes.toString())
        if (end) { echo("slipway: ${end}") }
    }
    return found
}

@NonCPS
String none(Map farm, int label, String minutes) {
    for (List batch : farm.batch.values()) {
        for (Integer task : batch) {
            if (farm.state[task] == 'running' && farm.label[task] == label) { return '' }
        }
    }
    farm.stopped = true
    farm.ended = 'no agent for ' + farm.labels[label] + ' was to be had within ' + minutes + ' minutes beside those that are avoided'
    return farm.ended
}

/** Milliseconds. */
@NonCPS
long now() { return System.currentTimeMillis() }
