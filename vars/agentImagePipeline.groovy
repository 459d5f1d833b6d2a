/** The pipeline of the image that agents on AWS start from; see agentImagePipeline.txt. */
void call(Map given = [:]) {
    Map o = slipwayOptions('agentImagePipeline', [
        organization: null, region: null, architectures: ['amd64'], folder: 'packer', label: 'slipway',
        cron: 'H 4 * * 0', keep: 5, hours: 2, smokeTest: null,
    ], given)
    if (!o.organization || !o.region) {
        error('agentImagePipeline: organization and region are needed')
    }
    // Only the default branch registers: a pull request's folder is checked, and nothing of it runs on AWS.
    boolean primary = !env.CHANGE_ID && (env.BRANCH_IS_PRIMARY == 'true' || !env.BRANCH_NAME)
    properties([
        disableConcurrentBuilds(), buildDiscarder(logRotator(numToKeepStr: '30')),
        pipelineTriggers(o.cron && primary ? [cron(o.cron)] : []),
    ])
    node(o.label) {
        checkout scm
        timeout(time: o.hours, unit: 'HOURS') {
            stage('check') {
                slipway(['deploy', 'check', '.'])
            }
            if (!primary) {
                echo 'Not the default branch: nothing is built and nothing registered.'
                return
            }
            sh(script: slipwayProgram.quoted(['packer', 'init', o.folder]), label: 'packer init')
            for (int i = 0; i < o.architectures.size(); i++) {
                image(o, o.architectures[i])
            }
        }
    }
}

void image(Map o, String architecture) {
    List where = ['--organization', o.organization, '--region', o.region, '--architecture', architecture]
    String manifest = "${pwd(tmp: true)}/packer-${architecture}.json"
    stage(architecture) {
        List words = ['packer', 'build', '-color=false', '-var', "organization=${o.organization}",
            '-var', "region=${o.region}", '-var', "architecture=${architecture}", '-var', "manifest=${manifest}"]
        words.add(o.folder)
        sh(script: slipwayProgram.quoted(words), label: "packer build ${architecture}")
        if (o.smokeTest) {
            sh(script: o.smokeTest, label: 'smoke test')
        }
        // Agents that run keep their image; the next ones start from this one.
        slipway(slipway.joined([['deploy', 'image', 'use', '--manifest', manifest], where]))
        slipway(slipway.joined([['deploy', 'image', 'prune', '--keep', o.keep.toString()], where]))
    }
}
