/**
 * The schedule of a run in Groovy: numbers, counts and labels. Plain lists and maps, so that a controller can restart; they change
 * only in methods that Jenkins does not interrupt. The program made the order: a smaller index is more urgent. See slipwaySchedule.txt.
 */
@NonCPS
Map read(String text, Map labels) {
    Map farm = [program: '', run: '', store: '', place: '', kind: '', channel: '', architectures: [], kept: 0, failed: 0, done: 0, labels: [], label: [], seconds: [], path: [], work: [], waits: [], dependents: [], state: [], ready: [], left: [], lanes: [], parts: [], hand: [:], tries: [:], idle: [], stopped: false]
    add(farm, text, labels)
    return farm
}

@NonCPS
void add(Map farm, String text, Map labels) {
    List groups = []
    List tasks = []
    for (String line : text.split('\n')) {
        String[] word = line.split(' ', -1)
        if (word[0] == 'task') {
            tasks.add(word)
        } else if (word[0] == 'counts') {
            farm.kept = farm.kept + word[1].toInteger()
            farm.failed = farm.failed + word[4].toInteger()
        } else if (word[0] == 'group') {
            groups.add(labelOf(farm, labels, word[2], word[3]))
        } else if (word[0] == 'architectures') {
            farm.architectures = line.length() > 14 ? new ArrayList(Arrays.asList(line.substring(14).split(' '))) : []
        } else if (['run', 'store', 'place', 'kind', 'channel'].contains(word[0])) {
            farm.put(word[0], line.length() > word[0].length() ? line.substring(word[0].length() + 1) : '')
        }
    }
    if (tasks.isEmpty()) {
        return
    }
    int offset = farm.state.size()
    int first = tasks[0][1].toInteger()
    farm.parts.add([first, offset, tasks.size()])
    for (String[] word : tasks) {
        farm.dependents.add('')
    }
    for (String[] word : tasks) {
        int index = offset + word[1].toInteger() - first
        String[] waits = word.length > 5 && word[5] != '' ? word[5].split(',') : new String[0]
        for (String d : waits) {
            int below = offset + d.toInteger() - first
            farm.dependents[below] = farm.dependents[below] == '' ? index.toString() : farm.dependents[below] + ',' + index.toString()
        }
        int label = groups[word[2].toInteger()]
        farm.label.add(label)
        farm.seconds.add(word[3].toInteger())
        farm.path.add(word[4].toInteger())
        farm.work[label] = farm.work[label] + word[3].toInteger()
        farm.waits.add(waits.length)
        farm.state.add(waits.length > 0 ? 'waiting' : 'ready')
        farm.left[label] = farm.left[label] + 1
        if (waits.length == 0) {
            farm.ready[label].add(index)
        }
    }
}

/** The agents' label of a platform and architecture, by its number: the most exact that was given. */
@NonCPS
int labelOf(Map farm, Map labels, String platform, String architecture) {
    String label = labels.get(platform + '-' + architecture) ?: labels.get(platform) ?: labels.get(architecture) ?: labels.get('*') ?: 'slipway && ' + architecture
    if (!farm.labels.contains(label)) {
        farm.labels.add(label)
        farm.ready.add([])
        farm.left.add(0)
        farm.work.add(0)
        farm.lanes.add(0)
    }
    return farm.labels.indexOf(label)
}

/**
 * Takes the most urgent ready tasks into a lane's hand: one, or several small ones where there are more than lanes and no haste, which is
 * where what is left for each lane is longer than the path above the task. Their numbers. The same policy as in plan/simulate.ts.
 */
@NonCPS
String take(Map farm, int label, String lane) {
    List ready = farm.ready[label]
    List hand = []
    String numbers = ''
    int seconds = 0
    int most = ready.isEmpty() ? 0 : Math.min(60, ((farm.work[label] / farm.lanes[label] - farm.path[ready[0]]) / 2).intValue())
    while (!ready.isEmpty() && hand.size() < 20 && (hand.isEmpty() || (seconds + farm.seconds[ready[0]] <= most && ready.size() > farm.lanes[label]))) {
        int task = ready[0]
        ready.remove(0)
        hand.add(task)
        seconds = seconds + farm.seconds[task]
        farm.state[task] = 'running'
        numbers = (numbers == '' ? '' : numbers + ',') + numberOf(farm, task).toString()
    }
    farm.hand.put(lane, hand)
    return numbers
}

/** What an agent that vanished, or a program that broke, had in hand may be taken again; after three times it counts as failed. */
@NonCPS
int putBack(Map farm, String lane, boolean counts = true) {
    int lost = 0
    List hand = farm.hand.get(lane) ?: []
    farm.hand.remove(lane)
    for (Integer task : hand) {
        if (farm.state[task] != 'running') {
            continue
        }
        lost = lost + 1
        farm.tries.put(task, (farm.tries.get(task) ?: 0) + (counts ? 1 : 0))
        if (farm.tries.get(task) >= 3) {
            end(farm, task, 'failed')
        } else {
            makeReady(farm, task)
        }
    }
    return lost
}

/** The program's reply: a line for each task that came to its end. False where it did not come to its own end. */
@NonCPS
boolean settle(Map farm, String reply) {
    boolean whole = false
    for (String line : reply.split('\n')) {
        if (line == 'end') {
            whole = true
        } else if (line.matches('[0-9]+ [a-z]+')) {
            String[] word = line.split(' ')
            end(farm, indexOf(farm, word[0].toInteger()), word[1])
        }
    }
    return whole
}

@NonCPS
void end(Map farm, int task, String state) {
    if (task < 0 || farm.state[task] == 'done' || farm.state[task] == 'failed') {
        return
    }
    boolean good = ['built', 'kept', 'passed'].contains(state)
    // Another lane settled what waits here to be taken: it needs no agent any more.
    if (farm.state[task] == 'ready') {
        List ready = farm.ready[farm.label[task]]
        ready.remove(ready.indexOf(task))
    }
    farm.state[task] = good ? 'done' : 'failed'
    if (good) { farm.done = farm.done + 1 } else { farm.failed = farm.failed + 1 }
    farm.left[farm.label[task]] = farm.left[farm.label[task]] - 1
    farm.work[farm.label[task]] = farm.work[farm.label[task]] - farm.seconds[task]
    if (farm.dependents[task] == '') {
        return
    }
    for (String d : farm.dependents[task].split(',')) {
        int other = d.toInteger()
        if (!good) {
            end(farm, other, 'stopped')
        } else {
            farm.waits[other] = farm.waits[other] - 1
            if (farm.waits[other] == 0 && farm.state[other] == 'waiting') {
                makeReady(farm, other)
            }
        }
    }
}

@NonCPS
void makeReady(Map farm, int task) {
    List ready = farm.ready[farm.label[task]]
    int at = ready.size()
    while (at > 0 && ready[at - 1] > task) {
        at = at - 1
    }
    ready.add(at, task)
    farm.state[task] = 'ready'
}

/** Seconds that a lane with nothing to do sleeps: the first in line looks soon, those behind it seldom. */
@NonCPS
int pause(Map farm, int label, String lane) {
    if (!farm.idle.contains(lane)) {
        farm.idle.add(lane)
    }
    int rank = 0
    for (String other : farm.idle) {
        if (other == lane) {
            break
        }
        if (other.startsWith(farm.labels[label] + ' ')) {
            rank = rank + 1
        }
    }
    return [2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 40, 45][Math.min(rank, 11)]
}

@NonCPS
void awake(Map farm, String lane) {
    if (farm.idle.contains(lane)) {
        farm.idle.remove(farm.idle.indexOf(lane))
    }
}

@NonCPS
int numberOf(Map farm, int index) {
    for (List part : farm.parts) {
        if (index >= part[1] && index < part[1] + part[2]) {
            return part[0] + index - part[1]
        }
    }
    return -1
}

@NonCPS
int indexOf(Map farm, int number) {
    for (List part : farm.parts) {
        if (number >= part[0] && number < part[0] + part[2]) {
            return part[1] + number - part[0]
        }
    }
    return -1
}
