/** Builds images of a run's channel on agents of their architectures, and publishes them; see slipwayImage.txt. */
void call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayImage', [
        images: [], distro: null, label: 'slipway', publishLabel: null, labels: [:], state: null,
        signingKey: null, signingPassphrase: null, avoided: [:],
    ], given)
    if (farm.namespace || !farm.channel) {
        echo('slipway: this run builds a change: no images are built')
        return
    }
    List words = slipway.joined([
        o.images, ['--channel', farm.channel, '--store', farm.store],
        o.distro ? ['--distro', o.distro] : [], o.state ? ['--state-folder', o.state] : [],
    ])
    List architectures = []
    slipwayNode(o.label, o.avoided) {
        checkout(scm)
        architectures = slipwayTasks.lines(slipway.ask(slipway.joined([['image', 'architectures'], words])).text)
    }
    for (int i = 0; i < architectures.size(); i++) {
        String architecture = architectures[i]
        slipwayNode(slipwayAgents.ofArchitecture(o.labels, architecture), o.avoided) {
            checkout(scm)
            List build = ['image', 'build', '--architecture', architecture, '--output', 'slipway-images']
            slipway(slipway.joined([build, words]))
            archiveArtifacts(artifacts: 'slipway-images/logs/**', allowEmptyArchive: true)
        }
    }
    List bindings = []
    if (o.signingKey) {
        bindings.add(file(credentialsId: o.signingKey, variable: 'SLIPWAY_SIGNING_KEY_FILE'))
    }
    if (o.signingPassphrase) {
        bindings.add(string(credentialsId: o.signingPassphrase, variable: 'SLIPWAY_SIGNING_PASSPHRASE'))
    }
    slipwayNode((o.publishLabel ?: o.label).toString(), o.avoided) {
        checkout(scm)
        withCredentials(bindings) { slipway(slipway.joined([['image', 'publish'], words])) }
    }
}
