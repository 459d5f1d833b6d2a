/** Ends a run on the agent at hand; see slipwayReport.txt. True where nothing failed. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReport', [state: null, output: 'slipway-report', fault: ''], given)
    List output = ['--output', o.output]
    List words = slipway.joined([slipway.ofRun('report', farm, o.state), output, whatHappened(farm, o.fault)])
    sh(script: "rm -rf${slipwayProgram.quoted([o.output])}", label: 'slipway: make room for the report')
    Map reply = slipway.ask(words, true)
    return keep(farm, o.output, reply.text, reply.code == 0)
}

/** The report of a run that could not be planned. */
List unplanned(String title, String fault) {
    String output = 'slipway-report'
    sh(script: "rm -rf${slipwayProgram.quoted([output])}", label: 'slipway: make room for the report')
    Map reply = slipway.ask(['report', '--unplanned', fault, '--title', title, '--output', output], true)
    Map farm = [:]
    keep(farm, output, reply.text, false)
    return farm.summary
}

boolean keep(Map farm, String output, String text, boolean good) {
    List all = slipwayTasks.lines(text)
    farm.summary = all
    currentBuild.description = all[0]
    archiveArtifacts(artifacts: "${output}/**", allowEmptyArchive: true)
    junit(testResults: "${output}/junit/**/*.xml", allowEmptyResults: true, skipPublishingChecks: true)
    if (env.BUILD_URL) { echo("The report: ${env.BUILD_URL}artifact/${output}/report.html") }
    if (!good) { currentBuild.result = 'FAILURE' }
    return good
}

/** What the store does not know of the run. */
@NonCPS
List whatHappened(Map farm, String fault) {
    List words = []
    for (Object agent : farm.bad.keySet()) { words.addAll(['--avoided', agent.toString() + '=' + farm.bad.get(agent)]) }
    for (Object task : farm.lost.keySet()) { words.addAll(['--lost', task.toString() + '=' + farm.lost.get(task)]) }
    if (farm.ended) { words.addAll(['--ended', farm.ended]) }
    if (fault) { words.addAll(['--fault', fault]) }
    return words
}
