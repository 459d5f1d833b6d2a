/** Selects the agents of a run and records the ones to avoid; see slipwayAgents.txt. */

/** The label expression for agents of an architecture: by the option `labels`, or "slipway" and the architecture. */
@NonCPS
String ofArchitecture(Map labels, String architecture) {
    return (labels.get(architecture) ?: labels.get('*') ?: 'slipway && ' + architecture).toString()
}

/** A label expression that excludes the avoided agents (a map by name). */
@NonCPS
String without(String label, Map avoided) {
    if (avoided.isEmpty()) { return label }
    String all = '(' + label + ')'
    for (Object name : avoided.keySet()) { all = all + ' && !"' + name.toString().replace('"', '') + '"' }
    return all
}

/** The label expression for a label of a run, without its avoided agents and the ones that will be taken away. */
@NonCPS
String of(Map farm, int label) {
    Map names = [:]
    names.putAll(farm.bad)
    names.putAll(farm.leaving)
    return without(farm.labels[label], names)
}

/**
 * Runs the body on an agent. If it fails because of the agent, the agent is avoided and another one is tried.
 * Returns the last error, or '' on success.
 */
String onSound(String label, Map avoided, int minutes, Closure body) {
    String fault = ''
    boolean again = true
    for (int i = 0; again && i < 5; i++) {
        boolean last = i == 4
        again = false
        fault = ''
        slipwayNode.watched(label, avoided, minutes) {
            try {
                body()
            } catch (hudson.AbortException e) {
                fault = e.message
                again = !last && isAgentsFault(fault)
                if (again) { echo(avoid([bad: avoided, sound: [:]], (env.NODE_NAME ?: 'built-in').toString(), fault)) }
            }
        }
    }
    return fault
}

/**
 * Whether an error is caused by the agent, so that another agent may succeed. Only the beginning of an
 * error's line and the code at its end are Slipway's own: the rest may quote a distro repository.
 */
@NonCPS
boolean isAgentsFault(String message) {
    if (message.matches('(?s)slipway [a-z]+: Node\\.js (is not installed|on the agent is too old).*')) { return true }
    for (String line : message.split('\n')) {
        if (line.matches('\\S.* \\[(tool-missing|roots-refused)\\]')) { return true }
    }
    return false
}

/** Records the reply of `work --check` on an agent. Returns the problem, or '' if the agent can build. */
@NonCPS
String checked(Map farm, String agent, String reply) {
    if (slipwayTasks.lines(reply).contains('ready')) {
        farm.sound.put(agent, true)
        return ''
    }
    return avoid(farm, agent, slipwayTasks.faultOf(reply))
}

/** Avoids an agent for the rest of the run. */
@NonCPS
String avoid(Map farm, String agent, String reason) {
    farm.bad.put(agent, reason)
    farm.sound.remove(agent)
    return 'slipway: the agent ' + agent + ' is avoided for the rest of this run: ' + reason
}

/** Whether an agent that is not avoided is available within `minutes`. True at once if no agent is avoided. */
boolean comes(String label, Map avoided, int minutes) {
    if (avoided.isEmpty()) { return true }
    long until = now() + minutes * 60000L
    boolean found = false
    try {
        timeout(time: minutes, unit: 'MINUTES') {
            node(without(label, avoided)) { found = true }
        }
    } catch (e) {
        if (found || now() < until) { throw e }
    }
    return found
}

/** Whether a lane may request an agent. Ends the run if only avoided agents are available and no lane is working. */
boolean there(Map farm, int label, Map o) {
    boolean found = comes(farm.labels[label], farm.bad, o.agentMinutes)
    if (!found) {
        String end = none(farm, label, o.agentMinutes)
        if (end) { echo("slipway: ${end}") }
    }
    return found
}

@NonCPS
String noneOf(String label, int minutes) {
    return 'no agent for ' + label + ' was available within ' + minutes + ' minutes, except those that are avoided'
}

@NonCPS
String none(Map farm, int label, int minutes) {
    for (List batch : farm.batch.values()) {
        for (Integer task : batch) {
            if (farm.state[task] == 'running' && farm.label[task] == label) { return '' }
        }
    }
    farm.stopped = true
    farm.ended = noneOf(farm.labels[label], minutes)
    return farm.ended
}

/** Reports each label for which no agent became available in time. Returns when every label has had one. */
void watch(Map farm, int minutes) {
    long until = now() + minutes * 60000L
    int pause = 1
    while (!farm.stopped && !missing(farm).isEmpty() && now() < until) {
        sleep(time: pause, unit: 'SECONDS')
        pause = Math.min(15, pause + 1)
    }
    List labels = farm.stopped ? [] : missing(farm)
    for (int i = 0; i < labels.size(); i++) { tell(labels[i], minutes) }
}

/** Labels with open tasks that have not had an agent yet. */
@NonCPS
List missing(Map farm) {
    List found = []
    for (int label = 0; label < farm.labels.size(); label++) {
        if (farm.left[label] > 0 && !farm.came[label]) { found.add(farm.labels[label]) }
    }
    return found
}

void tell(String label, int minutes) {
    String text = "no agent for '${label}' became available within ${minutes} minutes".toString()
    echo("slipway: ${text}; the build keeps waiting. Check under Manage Jenkins, Nodes that an agent with these " +
        'labels exists, is online and is free. For a cloud, check its limits and its log.')
    currentBuild.description = text
}

/** The current time in milliseconds. */
@NonCPS
long now() { return System.currentTimeMillis() }
