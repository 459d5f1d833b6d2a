/** Builds packages of a run a second time; see slipwayReproduce.txt. True if all are identical. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReproduce', [
        sample: 5, state: null, output: 'slipway-reproducible', arguments: [],
    ], given)
    sh(script: "rm -rf${slipwayProgram.quoted([o.output])}", label: 'slipway: remove former second builds')
    List words = slipway.ofRun('reproduce', farm, o.state)
    List what = ['--sample', o.sample.toString(), '--output', o.output]
    Map reply = slipway.ask(slipway.joined([words, what, o.arguments]), true)
    archiveArtifacts(artifacts: "${o.output}/**", allowEmptyArchive: true)
    if (reply.code == 0) { return true }
    echo("slipway: some packages are not reproducible; see the log above and ${o.output}/reproducible.json")
    currentBuild.result = 'UNSTABLE'
    return false
}
