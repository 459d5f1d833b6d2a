/** The pipeline of a distro repository; see distroPipeline.txt. */
void call(Map given = [:]) {
    Map o = slipwayOptions('distroPipeline', [
        distro: null, label: 'slipway', labels: [:], lanes: 10, cron: 'H 1 * * *', store: null, state: null, hours: 24,
        arguments: [], hold: 10, agentMinutes: 10, tests: true, docs: false, publish: true, publishLabel: null,
        repository: null, images: [],
        signingKey: null, signingPassphrase: null, sourceCredentials: [], notify: null, notifyMaintainers: false,
        promote: [], reproducible: 0, keep: 30, durability: 'SURVIVABLE_NONATOMIC',
    ], given)
    boolean primary = env.BRANCH_IS_PRIMARY == 'true' || !env.BRANCH_NAME
    properties([
        disableConcurrentBuilds(abortPrevious: env.CHANGE_ID != null),
        buildDiscarder(logRotator(numToKeepStr: o.keep.toString())),
        durabilityHint(o.durability),
        pipelineTriggers(o.cron && primary && !env.CHANGE_ID ? [cron(o.cron)] : []),
    ])
    List<String> words = []
    if (env.CHANGE_ID) {
        // Pull requests of several distro repositories may have a common store, and the same numbers.
        words.addAll(['--request=' + (env.JOB_NAME ?: '') + ' ' + env.CHANGE_ID, '--target=' + env.CHANGE_TARGET])
        words.addAll(['--title=pull request ' + env.CHANGE_ID + ' into ' + env.CHANGE_TARGET])
    } else if (env.TAG_NAME) { words.addAll(['--tag=' + env.TAG_NAME]) }
    else if (env.BRANCH_NAME) { words.addAll(['--branch=' + env.BRANCH_NAME]) }
    else { words.addAll(['--branch', 'main']) }
    if (primary && !env.CHANGE_ID && !env.TAG_NAME) { words.addAll(['--primary']) }
    if (o.publish) { words.addAll(['--publish']) }
    if (o.repository) { words.addAll(['--publish-to', o.repository]) }
    if (o.signingKey) { words.addAll(['--signed']) }
    if (!o.tests) { words.addAll(['--no-test']) }
    if (o.docs) { words.addAll([o.docs == 'strict' ? '--strict-docs' : '--docs']) }
    Map place = [distro: o.distro]
    if (!slipwayRun(o, words, place) || env.CHANGE_ID) { return }
    for (int i = 0; i < o.promote.size(); i++) {
        Map one = [
            distro: o.distro, store: o.store, state: o.state, label: o.publishLabel ?: o.label,
            repository: o.repository, signingKey: o.signingKey, signingPassphrase: o.signingPassphrase,
        ]
        one.putAll(o.promote[i])
        if (place.channel == (one.from ?: 'nightly')) {
            stage("Promote to ${one.to}".toString()) { slipwayPromote(one) }
        }
    }
}
