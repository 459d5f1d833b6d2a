/** What becomes of a run's tasks: ended, or put back. Jenkins does not interrupt these; see slipwayTasks.txt. */

/** The program's reply: a line for each task that came to its end. False where it did not come to its own end. */
@NonCPS
boolean settle(Map farm, String reply) {
    boolean whole = false
    for (String line : reply.split('\n')) {
        if (line.matches('[0-9]+ [a-z]+')) {
            String[] word = line.split(' ')
            end(farm, word[0].toInteger(), ['built', 'cached', 'passed'].contains(word[1]))
        }
        whole = line == 'end'
    }
    return whole
}

/** What an agent that vanished, or a program that broke, had in hand may be taken again; after three times it counts as failed. */
@NonCPS
void putBack(Map farm, String lane, boolean counts) {
    List hand = farm.hand.remove(lane) ?: []
    for (Integer task : hand) {
        if (farm.state[task] != 'running') { continue }
        farm.tries.put(task, (farm.tries.get(task) ?: 0) + (counts ? 1 : 0))
        if (farm.tries.get(task) < 3) { makeReady(farm, task) } else { end(farm, task, false) }
    }
}

@NonCPS
void end(Map farm, int task, boolean good) {
    if (task >= farm.state.size() || ['done', 'failed'].contains(farm.state[task])) { return }
    int label = farm.label[task]
    int place = farm.ready[label].indexOf(task)
    // Another lane settled what waits here to be taken: it needs no agent any more.
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
