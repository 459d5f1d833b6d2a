/** Which agents a run uses, and which it avoids; see slipwayAgents.txt. */

/** A label without the agents that are avoided (a map by their names). */
@NonCPS
String without(String label, Map avoided) {
    if (avoided.isEmpty()) { return label }
    String all = '(' + label + ')'
    for (Object name : avoided.keySet()) { all = all + ' && !"' + name.toString().replace('"', '') + '"' }
    return all
}

/** A label of a run without its agents that are avoided or will be taken away. */
@NonCPS
String of(Map farm, int label) {
    Map names = [:]
    names.putAll(farm.bad)
    names.putAll(farm.leaving)
    return without(farm.labels[label], names)
}

/**
 * Does something on an agent. One that can't do it for a reason of its own is avoided, and another takes its place.
 * Gives what went wrong in the end, or nothing.
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

/** What another agent may do where this one can't. */
@NonCPS
boolean isAgentsFault(String message) {
    List known = ['the agent has no node', 'the node of the agent is too old', '[tool-missing]', '[roots-refused]']
    for (String text : known) {
        if (message.contains(text)) { return true }
    }
    return false
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

/** Whether an agent comes beside those that are avoided; where none are, a run waits for it as long as it takes. */
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

/** Whether a lane may ask for an agent. Where none comes beside the avoided ones, and no lane works, the run ends. */
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
    return 'no agent for ' + label + ' was to be had within ' + minutes + ' minutes beside those that are avoided'
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

/** Tells people of each label whose agents do not come; ends when each has had one. */
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

/** Labels with work that have not had an agent yet. */
@NonCPS
List missing(Map farm) {
    List found = []
    for (int label = 0; label < farm.labels.size(); label++) {
        if (farm.left[label] > 0 && !farm.came[label]) { found.add(farm.labels[label]) }
    }
    return found
}

void tell(String label, int minutes) {
    String text = "no agent for '${label}' came within ${minutes} minutes".toString()
    echo("slipway: ${text}; the build waits. See Manage Jenkins, Nodes: has one these labels, is it online, is it " +
        'free? Of a cloud see its limits and its log.')
    currentBuild.description = text
}

/** Milliseconds. */
@NonCPS
long now() { return System.currentTimeMillis() }
