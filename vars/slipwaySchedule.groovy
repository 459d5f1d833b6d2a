/**
 * The schedule of a run, in plain lists and maps that survive a restart of the controller. Tasks are numbered, the most
 * urgent first; `farm.state` and the other columns have one entry for each task. See slipwaySchedule.txt.
 */
@NonCPS
Map read(String text, Map labels) {
    Map farm = [
        architectures: [], labels: [], ready: [], idle: [], coming: [], left: [], work: [], lanes: [], tokens: [],
        came: [], label: [], seconds: [], path: [], waits: [], dependents: [], state: [],
        batch: [:], looks: [:], tries: [:], lost: [:], strikes: [:], bad: [:], sound: [:], leaving: [:], refused: [:],
        done: 0, failed: 0, stopped: false, ended: '',
    ]
    Map said = add(farm, text, labels)
    for (String name : ['run', 'store', 'namespace', 'kind', 'channel']) { farm.put(name, said.get(name) ?: '') }
    for (String other : words(said.get('architectures') ?: '')) { farm.architectures.add(other) }
    return farm
}

/** Adds the tasks of one more architecture, numbered after the existing ones. Returns the lines of the text by name. */
@NonCPS
Map add(Map farm, String text, Map labels) {
    Map said = [:]
    for (String line : text.split('\n')) {
        int blank = line.indexOf(' ')
        said.put(blank < 0 ? line : line.substring(0, blank), blank < 0 ? '' : line.substring(blank + 1))
    }
    List groups = words(said.get('groups'))
    List waits = words(said.get('waits'))
    List columns = []
    for (String name : ['group', 'seconds', 'path', 'dependents']) { columns.add(words(said.get(name))) }
    for (int i = 0; i < waits.size(); i++) {
        int label = labelOf(farm, labels, groups[columns[0][i].toInteger()])
        if (waits[i] == '0') { farm.ready[label].add(farm.state.size()) }
        farm.state.add(waits[i] == '0' ? 'ready' : 'waiting')
        farm.waits.add(waits[i].toInteger())
        farm.label.add(label)
        farm.seconds.add(columns[1][i].toInteger())
        farm.path.add(columns[2][i].toInteger())
        farm.dependents.add(columns[3][i])
        farm.work[label] = farm.work[label] + columns[1][i].toInteger()
        farm.left[label] = farm.left[label] + 1
    }
    return said
}

@NonCPS
List words(String text) {
    List all = []
    for (String word : text.split(' ')) {
        if (word != '') { all.add(word) }
    }
    return all
}

/** The index of the agent label for a platform and architecture (`noble/amd64`). The most specific entry wins. */
@NonCPS
int labelOf(Map farm, Map labels, String group) {
    String[] part = group.split('/')
    String label = slipwayAgents.ofArchitecture(labels, part[1])
    for (String name : [part[0], part[0] + '-' + part[1]]) { label = labels.get(name) ?: label }
    if (!farm.labels.contains(label)) {
        farm.labels.add(label)
        for (List none : [farm.ready, farm.idle, farm.coming]) { none.add([]) }
        farm.tokens.add(-1)
        farm.came.add(false)
        for (List none : [farm.left, farm.work, farm.lanes]) { none.add(0) }
    }
    return farm.labels.indexOf(label)
}
