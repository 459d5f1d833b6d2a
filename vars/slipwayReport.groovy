/** Ends a run on the agent at hand: report, JUnit, description; see slipwayReport.txt. True where nothing failed. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReport', [state: null, output: 'slipway-report'], given)
    sh(script: "rm -rf${slipwayProgram.quoted([o.output])}", label: 'slipway: make room for the report')
    Map reply = slipway.ask(slipway.joined([slipway.ofRun('report', farm, o.state), ['--output', o.output]]), true)
    currentBuild.description = reply.text.trim()
    archiveArtifacts(artifacts: "${o.output}/**", allowEmptyArchive: true)
    junit(testResults: "${o.output}/junit/**/*.xml", allowEmptyResults: true, skipPublishingChecks: true)
    return reply.code == 0
}
