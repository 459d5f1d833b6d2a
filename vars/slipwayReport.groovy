/** Ends a run on the agent at hand: report, JUnit, description; see slipwayReport.txt. True where nothing failed. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReport', [state: null, output: 'slipway-report'], given)
    List<String> words = ['report', '--run', farm.run, '--store', farm.store, '--output', o.output] + slipway.stateOf(o.state) + (farm.place ? ['--place', farm.place] : [])
    sh(script: "rm -rf '${o.output.replace("'", "'\\''")}'", label: 'slipway: make room for the report')
    Map reply = slipway.ask(words, true)
    currentBuild.description = reply.text.trim()
    archiveArtifacts(artifacts: "${o.output}/**", allowEmptyArchive: true)
    junit(testResults: "${o.output}/junit/**/*.xml", allowEmptyResults: true, skipPublishingChecks: true)
    return reply.code == 0
}
