/** Plans a run on the current agent and returns its schedule; see slipwayPlan.txt. */
Map call(Map given = [:]) {
    Map o = slipwayOptions('slipwayPlan', [
        distro: null, distroUrl: null, store: null, state: null, labels: [:], sourceCredentials: [], arguments: [],
    ], given)
    List<String> words = slipway.joined([['prepare'], slipway.stateOf(o.state)])
    if (o.distro) { words.addAll(['--distro', o.distro]) }
    if (o.distroUrl) { words.addAll(['--distro-url', o.distroUrl]) }
    if (o.store) { words.addAll(['--store', o.store]) }
    String text = ''
    // Credentials are available only while sources are fetched, before any of their code runs. Agents read sources from
    // the store.
    slipwayCredentials(o.sourceCredentials) {
        text = slipway.ask(slipway.joined([words, o.arguments])).text
    }
    Map farm = slipwaySchedule.read(text, o.labels)
    farm.program = slipwayProgram.name()
    if (!farm.state.isEmpty()) {
        // Lanes unstash the program: a copy of its text in each lane would take memory of the controller.
        dir(pwd(tmp: true)) {
            stash(name: farm.program, includes: farm.program)
        }
    }
    return farm
}

/** Adds the tasks of the other architectures, each planned on an agent of that architecture. */
void others(Map farm, Map labels, String state = null, Map avoided = [:], int agentMinutes = 10) {
    for (int i = 0; i < farm.architectures.size(); i++) {
        String label = slipwayAgents.ofArchitecture(labels, farm.architectures[i])
        String fault = slipwayAgents.onSound(label, avoided, agentMinutes) {
            List first = ['--first', farm.state.size().toString()]
            String text = slipway.ask(slipway.joined([slipway.ofRun('prepare', farm, state), first])).text
            slipwaySchedule.add(farm, text, labels)
        }
        if (fault) { error(fault) }
    }
}
