/** Assembles and publishes a run's documentation; see slipwayDocs.txt. False if a strict run has faults. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayDocs', [state: null, output: 'slipway-docs', strict: false, arguments: []], given)
    if (farm.namespace || !farm.channel) {
        echo('slipway: this run builds a change: its documentation is not published')
        return true
    }
    String channel = farm.channel.toString()
    String former = slipwayProgram.quoted([o.output, "${o.output}.out".toString()])
    sh(script: "rm -rf${former}", label: 'slipway: remove former documentation')
    List words = slipway.ofRun('docs', farm, o.state)
    Map reply = slipway.ask(slipway.joined([words, ['--output', o.output, '--publish', channel], o.arguments]), true)
    archiveArtifacts(artifacts: "${o.output}.out/**", allowEmptyArchive: true)
    if (env.BUILD_URL) { echo("Documentation report: ${env.BUILD_URL}artifact/${o.output}.out/report.html") }
    if (reply.code == 0) { return true }
    currentBuild.description = "${currentBuild.description}, faults in the documentation".toString()
    echo("slipway: the documentation has faults; see the log above and ${o.output}.out/report.html")
    // distroPipeline or distro.yaml may have made the run strict when it was planned.
    boolean strict = o.strict || slipwayTasks.lines(reply.text).contains('strict')
    currentBuild.result = strict ? 'FAILURE' : 'UNSTABLE'
    return !strict
}
