/** Makes the report of a run on the current agent; see slipwayReport.txt. True if nothing failed. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReport', [state: null, output: 'slipway-report', fault: ''], given)
    List output = ['--output', o.output]
    List words = slipway.joined([slipway.ofRun('report', farm, o.state), output, whatHappened(farm, o.fault)])
    sh(script: "rm -rf${slipwayProgram.quoted([o.output])}", label: 'slipway: remove former report')
    Map reply = slipway.ask(words, true)
    return keep(farm, o.output, reply.text, reply.code == 0)
}

/** The report of a run that could not be planned. */
List unplanned(String title, String fault) {
    String output = 'slipway-report'
    sh(script: "rm -rf${slipwayProgram.quoted([output])}", label: 'slipway: remove former report')
    List what = ['--unplanned=' + cut(fault, 20000), '--title=' + title, '--output', output]
    Map reply = slipway.ask(slipway.joined([['report'], what]), true)
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
    if (env.BUILD_URL) { echo("Report: ${env.BUILD_URL}artifact/${output}/report.html") }
    if (!good) { currentBuild.result = 'FAILURE' }
    return good
}

/** Options with events of the run that are not recorded in the store. */
@NonCPS
List whatHappened(Map farm, String fault) {
    List words = []
    for (Object agent : farm.bad.keySet()) { words.add('--avoided=' + agent + '=' + cut(farm.bad.get(agent), 400)) }
    for (Object task : farm.lost.keySet()) { words.add('--lost=' + task + '=' + cut(farm.lost.get(task), 400)) }
    if (farm.ended) { words.add('--ended=' + cut(farm.ended, 400)) }
    if (fault) { words.add('--fault=' + cut(fault, 400)) }
    return words
}

/** At most so many characters of a text, as the program shows them: a command line and a description are limited. */
@NonCPS
String cut(Object text, int most) {
    String all = text.toString()
    return all.length() > most ? all.substring(0, most) + '...' : all
}
