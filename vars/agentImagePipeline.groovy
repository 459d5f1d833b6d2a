/** The pipeline that builds and registers the AMI of Jenkins agents on AWS; see agentImagePipeline.txt. */
void call(Map given = [:]) {
    Map o = slipwayOptions('agentImagePipeline', [
        organization: null, region: null, architectures: ['amd64'], folder: 'packer', label: 'slipway', labels: [:],
        cron: 'H 4 * * *', days: 7, keep: 5, hours: 2, smokeTest: null, trial: [:], image: null, distro: null,
        credentials: null,
    ], given)
    if (!o.organization || !o.region) {
        error("agentImagePipeline: the options 'organization' and 'region' are required")
    }
    if (o.image && !o.distro) {
        error("agentImagePipeline: the option 'image' also needs 'distro': the git URL of the distro repository, " +
            "with '#BRANCH' unless the branch is main")
    }
    // Only the default branch registers an image. The folder of a pull request is checked; nothing runs on AWS for it.
    boolean primary = !env.CHANGE_ID && (env.BRANCH_IS_PRIMARY == 'true' || !env.BRANCH_NAME)
    properties([
        disableConcurrentBuilds(), buildDiscarder(logRotator(numToKeepStr: '30')),
        pipelineTriggers(o.cron && primary ? [cron(o.cron)] : []),
    ])
    timeout(time: o.hours, unit: 'HOURS') {
        List due = []
        node(o.label) {
            checkout scm
            due = examine(o, primary)
            if (!o.image) { byPacker(o, due) }
        }
        if (o.image) { fromDistro(o, due) }
    }
}

/** Checks the folder. Returns the architectures whose image must be rebuilt. */
List examine(Map o, boolean primary) {
    stage('check') {
        slipway(['deploy', 'check', '.'])
    }
    if (!primary) {
        echo 'This is not the default branch: no image is built or registered.'
        return []
    }
    List due = []
    for (int i = 0; i < o.architectures.size(); i++) {
        List words = ['deploy', 'image', 'due', '--days', o.days.toString()]
        Map answer = slipway.ask(slipway.joined([words, where(o, o.architectures[i])]))
        echo(answer.text.trim())
        if (answer.text.startsWith('due')) { due.add(o.architectures[i]) }
    }
    return due
}

List where(Map o, String architecture) {
    return ['--organization', o.organization, '--region', o.region, '--architecture', architecture]
}

/** Builds images with Packer: it starts an instance of Debian's AMI, applies the Ansible role and ends the instance. */
void byPacker(Map o, List due) {
    if (due.isEmpty()) { return }
    String toolset = slipway.ask(['deploy', 'image', 'toolset']).text.trim()
    sh(script: slipwayProgram.quoted(['packer', 'init', o.folder]), label: 'packer init')
    for (int i = 0; i < due.size(); i++) {
        String architecture = due[i]
        String manifest = "${pwd(tmp: true)}/packer-${architecture}.json"
        stage(architecture) {
            List words = ['packer', 'build', '-color=false', '-var', "organization=${o.organization}",
                '-var', "region=${o.region}", '-var', "architecture=${architecture}",
                '-var', "manifest=${manifest}", '-var', "toolset=${toolset}", o.folder]
            sh(script: slipwayProgram.quoted(words), label: "packer build ${architecture}")
            if (o.trial) {
                slipway(slipway.joined([['deploy', 'image', 'try', '--manifest', manifest], where(o, architecture),
                    trial(o, architecture)]))
            }
            if (o.smokeTest) {
                sh(script: o.smokeTest, label: 'smoke test')
            }
            // Running agents keep their image; agents that start from now on use this one.
            slipway(slipway.joined([['deploy', 'image', 'use', '--manifest', manifest], where(o, architecture)]))
            prune(o, architecture)
        }
    }
}

/** Options for the trial instance of the new image, from `trial`. */
List trial(Map o, String architecture) {
    List words = ['--instance-type', (o.trial.get(architecture) ?: '').toString()]
    if (o.trial.subnet) { words.addAll(['--subnet', o.trial.subnet.toString()]) }
    if (o.trial.securityGroup) { words.addAll(['--security-group', o.trial.securityGroup.toString()]) }
    return words
}

void prune(Map o, String architecture) {
    slipway(slipway.joined([['deploy', 'image', 'prune', '--keep', o.keep.toString()], where(o, architecture)]))
}

/**
 * Builds an image that distro.yaml defines: tests its disk in qemu, uploads it with the EBS direct API and updates the
 * SSM parameters.
 */
void fromDistro(Map o, List due) {
    if (due.isEmpty()) { return }
    List image = [o.image, '--distro', 'distro/distro.yaml']
    // Build all architectures first, from the same state, so that one publication contains them all.
    for (int i = 0; i < o.architectures.size(); i++) {
        String architecture = o.architectures[i]
        slipwayNode(slipwayAgents.ofArchitecture(o.labels, architecture)) {
            stage(architecture) {
                takeDistro(o)
                List build = ['--architecture', architecture, '--output', 'slipway-images']
                slipway(slipway.joined([['image', 'build'], image, build]))
                archiveArtifacts(artifacts: 'slipway-images/logs/**', allowEmptyArchive: true)
            }
        }
    }
    slipwayNode(o.label) {
        stage('publish') {
            takeDistro(o)
            slipway(slipway.joined([['image', 'publish'], image]))
            for (int i = 0; i < o.architectures.size(); i++) { prune(o, o.architectures[i]) }
        }
    }
}

void takeDistro(Map o) {
    String place = o.distro
    int at = place.indexOf('#')
    Map remote = [url: at < 0 ? place : place.substring(0, at)]
    if (o.credentials) { remote.credentialsId = o.credentials }
    dir('distro') {
        checkout(scmGit(
            branches: [[name: at < 0 ? 'main' : place.substring(at + 1)]],
            userRemoteConfigs: [remote],
        ))
    }
}
