/** Builds packages of a run once more; see slipwayReproduce.txt. True where every byte is equal. */
boolean call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayReproduce', [
        sample: 5, state: null, output: 'slipway-reproducible', arguments: [],
    ], given)
    sh(script: "rm -rf${slipwayProgram.quoted([o.output])}", label: 'slipway: make room for the second builds')
    List words = slipway.ofRun('reproduce', farm, o.state)
    List what = ['--sample', o.sample.toString(), '--output', o.output]
    Map reply = slipway.ask(slipway.joined([words, what, o.arguments]), true)
    archiveArtifacts(artifacts: "${o.output}/**", allowEmptyArchive: true)
    if (reply.code == 0) { return true }
    echo("slipway: what was built twice is not equal, told in the log above and in ${o.output}/reproducible.json")
    currentBuild.result = 'UNSTABLE'
    return false
}
