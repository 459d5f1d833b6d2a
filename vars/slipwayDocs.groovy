/** Puts a run's documentation together as a site and publishes it; see slipwayDocs.txt. True where it is good. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayDocs', [state: null, output: 'slipway-docs', strict: false, arguments: []], given)
    if (farm.namespace || !farm.channel) {
        echo('slipway: this run is of a change: its documentation is not published')
        return true
    }
    String channel = farm.channel.toString()
    String former = slipwayProgram.quoted([o.output, "${o.output}.out".toString()])
    sh(script: "rm -rf${former}", label: 'slipway: make room for the documentation')
    List words = slipway.ofRun('docs', farm, o.state)
    Map reply = slipway.ask(slipway.joined([words, ['--output', o.output, '--publish', channel], o.arguments]), true)
    archiveArtifacts(artifacts: "${o.output}.out/**", allowEmptyArchive: true)
    if (env.BUILD_URL) { echo("The documentation's report: ${env.BUILD_URL}artifact/${o.output}.out/report.html") }
    if (reply.code == 0) { return true }
    currentBuild.description = "${currentBuild.description}, faults in the documentation".toString()
    echo("slipway: the documentation has faults, told in the log above and in ${o.output}.out/report.html")
    // The run was planned as a strict one, by distroPipeline or by distro.yaml.
    boolean strict = o.strict || slipwayTasks.lines(reply.text).contains('strict')
    currentBuild.result = strict ? 'FAILURE' : 'UNSTABLE'
    return !strict
}
