/** The pipeline of a repository of packages; see packagePipeline.txt. */
void call(Map given = [:]) {
    Map o = slipwayOptions('packagePipeline', [
        distro: null, distributions: [], repository: null, downstream: 'direct', budget: 50, label: 'slipway',
        labels: [:], lanes: 4, store: null, state: null, hours: 12, arguments: [], hold: 10, agentMinutes: 10,
        tests: true, like: 'nightly', sourceCredentials: [], trigger: true, quietPeriod: 300, notify: null,
        notifyMaintainers: false, keep: 30, durability: 'PERFORMANCE_OPTIMIZED',
    ], given)
    properties([
        disableConcurrentBuilds(abortPrevious: env.CHANGE_ID != null),
        buildDiscarder(logRotator(numToKeepStr: o.keep.toString())),
        durabilityHint(o.durability),
    ])
    Map folder = ofFolder()
    String distro = o.distro ?: env.SLIPWAY_DISTRO ?: folder.distro
    String distroJob = env.SLIPWAY_DISTRO_JOB ?: folder.job
    List<String> words = ['--change', '.', '--like', o.like, '--title=' + (env.JOB_NAME ?: 'package')]
    words.addAll(['--budget', o.budget.toString(), '--downstream', env.CHANGE_ID ? o.downstream : 'none'])
    if (o.repository) { words.addAll(['--change-name', o.repository]) }
    if (env.CHANGE_ID) {
        words.addAll(['--request=' + (env.JOB_NAME ?: '') + ' ' + env.CHANGE_ID, '--target=' + env.CHANGE_TARGET])
    }
    for (int i = 0; i < o.distributions.size(); i++) { words.addAll(['--distribution', o.distributions[i]]) }
    if (!o.tests) { words.addAll(['--no-test']) }
    // The build of a package repository never publishes.
    o.putAll([publish: false, publishLabel: null, signingKey: null, signingPassphrase: null])
    // Without the option and the environment variable, the file .slipway-distro names the distro repository. For a
    // pull request the file is read from the target branch.
    boolean good = slipwayRun(o, words, [distroUrl: distro ?: 'file:.slipway-distro'])
    // Jenkins merges equal queued builds, so several merges within the quiet period start one nightly.
    if (good && o.trigger && distroJob && env.BRANCH_IS_PRIMARY == 'true' && !env.CHANGE_ID) {
        build(job: distroJob, wait: false, quietPeriod: o.quietPeriod)
    }
}

/** Reads the properties of the job's folder, if the plugin Folder Properties is installed. */
Map ofFolder() {
    Map found = [:]
    try {
        withFolderProperties {
            found = [distro: env.SLIPWAY_DISTRO, job: env.SLIPWAY_DISTRO_JOB]
        }
    } catch (NoSuchMethodError e) {
        // The plugin is not installed: the options, the environment or the file name the distro repository.
    }
    return found
}
