/** Ends tasks or makes them ready again; see slipwayTasks.txt. Jenkins does not interrupt these methods. */

/**
 * Records the program's reply, which has a line for each finished task. Returns a message, or '' if the program
 * finished. If no task finished in a call, the agent is at fault if calls with other tasks also break off there; the
 * task is at fault if it is always the same one.
 */
@NonCPS
String record(Map farm, String lane, String agent, String reply) {
    List all = lines(reply)
    int ended = 0
    for (String line : all) {
        if (line.matches('[0-9]+ [a-z]+')) {
            String[] word = line.split(' ')
            end(farm, word[0].toInteger(), ['built', 'cached', 'passed', 'faulty'].contains(word[1]))
            ended = ended + 1
        }
    }
    List left = running(farm, lane)
    if (ended > 0 || all.contains('end')) { farm.strikes.remove(agent) }
    if (all.contains('drain')) { farm.leaving.put(agent, true) }
    if (all.contains('end')) {
        putBack(farm, lane, false, '')
        return all.contains('drain') ? 'slipway: the agent ' + agent + ' will be removed: it gets no more tasks' : ''
    }
    String fault = faultOf(reply)
    if (ended > 0) {
        putBack(farm, lane, true, fault)
        return 'slipway work on ' + agent + ' broke off: ' + fault
    }
    // -1: the call broke off before its first task.
    int task = left.isEmpty() || !all.contains('ready') ? -1 : left[0]
    List strikes = farm.strikes.get(agent) ?: []
    strikes.add(task)
    farm.strikes.put(agent, strikes)
    boolean others = false
    for (Integer other : strikes) { others = others || other != task || (other == -1 && strikes.size() > 1) }
    putBack(farm, lane, task >= 0 && !others, fault)
    if (!others) { return 'slipway work on ' + agent + ' broke off without a result: ' + fault }
    for (Integer other : strikes) {
        if (other >= 0 && other != task) { farm.tries.put(other, Math.max(0, (farm.tries.get(other) ?: 0) - 1)) }
    }
    farm.strikes.remove(agent)
    return slipwayAgents.avoid(farm, agent, 'several calls there broke off without a result: ' + fault)
}

@NonCPS
List lines(String reply) {
    List all = []
    for (String line : reply.split('\n')) { all.add(line.trim()) }
    return all
}

/** Why a call broke off, in one line. */
@NonCPS
String faultOf(String reply) {
    String fault = ''
    String code = ''
    for (String line : lines(reply)) {
        if (line.startsWith('fault ') && fault == '') { fault = line.substring(6) }
        if (line.startsWith('exit ')) { code = line.substring(5) }
    }
    if (fault != '') { return fault }
    if (code == '127') { return 'Node.js is not installed: apt-get install nodejs' }
    return code == '' ? 'the agent lost the process' : 'exit code ' + code
}

/** The tasks that a lane took and has not finished. */
@NonCPS
List running(Map farm, String lane) {
    List left = []
    for (Integer task : (farm.batch.get(lane) ?: [])) {
        if (farm.state[task] == 'running') { left.add(task) }
    }
    return left
}

/**
 * Makes the unfinished tasks of a lane ready again after its agent disappeared or its program broke off. If it
 * `counts`, the first of them was running: a task that breaks off three times has failed.
 */
@NonCPS
void putBack(Map farm, String lane, boolean counts, String reason) {
    List left = running(farm, lane)
    farm.batch.remove(lane)
    boolean first = counts
    for (Integer task : left) {
        int tries = (farm.tries.get(task) ?: 0) + (first ? 1 : 0)
        first = false
        farm.tries.put(task, tries)
        if (tries < 3) { makeReady(farm, task) } else {
            farm.lost.put(task, reason)
            end(farm, task, false)
        }
    }
}

@NonCPS
void end(Map farm, int task, boolean good) {
    if (task >= farm.state.size() || ['done', 'failed'].contains(farm.state[task])) { return }
    int label = farm.label[task]
    int place = farm.ready[label].indexOf(task)
    // Another lane already finished this ready task: it needs no agent any more.
    if (place >= 0) { farm.ready[label].remove(place) }
    farm.state[task] = good ? 'done' : 'failed'
    farm.put(farm.state[task], farm.get(farm.state[task]) + 1)
    farm.left[label] = farm.left[label] - 1
    farm.work[label] = farm.work[label] - farm.seconds[task]
    for (String d : farm.dependents[task] == '-' ? new String[0] : farm.dependents[task].split(',')) {
        int other = d.toInteger()
        farm.waits[other] = farm.waits[other] - 1
        if (!good) { end(farm, other, false) }
        else if (farm.waits[other] == 0 && farm.state[other] == 'waiting') { makeReady(farm, other) }
    }
}

@NonCPS
void makeReady(Map farm, int task) {
    List ready = farm.ready[farm.label[task]]
    int at = ready.size()
    while (at > 0 && ready[at - 1] > task) { at = at - 1 }
    ready.add(at, task)
    farm.state[task] = 'ready'
}
