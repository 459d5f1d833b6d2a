/** Plans, builds, tests, publishes, reports and notifies, for both pipelines; see slipwayRun.txt. */
boolean call(Map o, List<String> arguments, Map place = [:]) {
    // `avoided`: agents that failed, recorded from planning on.
    Map run = [farm: null, good: false, ended: false, fault: '', summary: [], avoided: [:]]
    def broken = null
    try {
        stage('Plan') { plan(o, arguments, place, run) }
        if (run.farm != null && !run.ended) {
            build(o, run)
            String label = o.publishLabel ?: o.label
            String fault = slipwayAgents.onSound(label, run.avoided, o.agentMinutes) { finish(o, run) }
            if (fault) { error(fault) }
        }
        if (o.reproducible && isWhole(run.farm)) { reproduce(o, run) }
        if (o.images && run.good && o.publish && publishes(run.farm)) { stage('Images') { images(o, place, run) } }
    } catch (e) {
        broken = e
        lastWords(o, run, e)
    }
    slipwayNotify(notify: o.notify, maintainers: o.notifyMaintainers, good: run.good, summary: run.summary)
    if (broken != null) { throw broken }
    if (run.fault) { error(run.fault) }
    if (!run.good) { currentBuild.result = 'FAILURE' }
    if (run.good && o.publish) { place.put('channel', run.farm.channel) }
    return run.good
}

void plan(Map o, List<String> arguments, Map place, Map run) {
    Map how = [
        distro: place.distro, distroUrl: place.distroUrl, store: o.store, state: o.state, labels: o.labels,
        sourceCredentials: o.sourceCredentials, arguments: arguments,
    ]
    run.fault = slipwayAgents.onSound(o.label, run.avoided, o.agentMinutes) {
        checkout(scm)
        run.farm = slipwayPlan(how)
        run.farm.bad = run.avoided
        // If there is nothing to build, this agent also makes the report.
        boolean elsewhere = o.publish && run.farm.channel && o.publishLabel
        run.ended = !run.farm.architectures && run.farm.state.isEmpty() && !elsewhere
        if (run.ended) { finish(o, run) }
        else if (o.publish && publishes(run.farm) && !o.publishLabel) { slipwayPublish.rehearse(run.farm, o) }
    }
    // Detect problems of publishing before the build.
    if (!run.fault && !run.ended && o.publishLabel && o.publish && publishes(run.farm)) {
        run.fault = slipwayAgents.onSound(o.publishLabel, run.avoided, o.agentMinutes) {
            slipwayPublish.rehearse(run.farm, o)
        }
    }
    if (run.fault) {
        run.farm = null
        unplanned(o, run)
    } else { slipwayPlan.others(run.farm, o.labels, o.state, run.avoided, o.agentMinutes) }
}

/** Makes the report of a run that could not be planned. An error in the report does not hide the first error. */
void unplanned(Map o, Map run) {
    currentBuild.description = slipwayReport.cut("${titleOf()}: planning failed: ${run.fault}", 1000)
    try {
        slipwayNode(o.label, run.avoided) { run.summary = slipwayReport.unplanned(titleOf(), run.fault) }
    } catch (hudson.AbortException e) {
        echo("slipway: could not make the report: ${e.message}")
    }
}

void build(Map o, Map run) {
    Map how = [lanes: o.lanes, state: o.state, arguments: o.arguments, hold: o.hold, agentMinutes: o.agentMinutes]
    stage('Build and test') {
        long until = slipwayAgents.now() + o.hours * 3600000L
        try {
            timeout(time: o.hours, unit: 'HOURS') { slipwayBuild(run.farm, how) }
        } catch (e) {
            // Pass on an abort by a user or a newer build.
            if (slipwayAgents.now() < until) { throw e }
            run.farm.ended = "the time limit of ${o.hours} hours was reached".toString()
        }
    }
}

void finish(Map o, Map run) {
    Map farm = run.farm
    Map where = [
        repository: o.repository, state: o.state, signingKey: o.signingKey, signingPassphrase: o.signingPassphrase,
    ]
    boolean good = true
    String fault = ''
    // A run that ended early is not published; the next run does it.
    if (o.publish && farm.channel && !farm.namespace && !farm.ended) {
        stage('Publish') {
            lock("slipway ${farm.channel}".toString()) {
                try {
                    slipwayPublish(farm, where)
                } catch (hudson.AbortException e) {
                    if (slipwayAgents.isAgentsFault(e.message)) { throw e }
                    good = false
                    fault = e.message
                }
            }
        }
    }
    stage('Report') {
        good = slipwayReport(farm, [state: o.state, fault: fault]) && good
        run.summary = farm.summary
        if (!good) { currentBuild.result = 'FAILURE' }
    }
    run.good = good && !farm.ended
    if (fault) { echo(fault) }
    // If publishing the packages failed, their documentation is not published either.
    if (o.docs && o.publish && !fault && publishes(farm)) { document(o, run) }
}

boolean publishes(Map farm) { return isWhole(farm) && farm.channel }

/** Whether this is a trusted run that was not ended early. */
boolean isWhole(Map farm) { return farm != null && !farm.namespace && !farm.ended }

/** The lanes built the documentation of each package; the publishing agent assembles the site. */
void document(Map o, Map run) {
    stage('Documentation') {
        lock("slipway ${run.farm.channel}".toString()) {
            try {
                run.good = slipwayDocs(run.farm, [state: o.state, strict: o.docs == 'strict']) && run.good
            } catch (hudson.AbortException e) {
                run.good = false
                run.fault = e.message
            }
        }
    }
}

/** Builds a sample a second time. Differences make the build unstable; the packages are published already. */
void reproduce(Map o, Map run) {
    stage('Reproducibility') {
        String fault = slipwayAgents.onSound(o.label, run.avoided, o.agentMinutes) {
            slipwayReproduce(run.farm, [sample: o.reproducible, state: o.state])
        }
        if (fault) { error(fault) }
    }
}

/** Builds images. A failure is in the log and the build's result only: the packages are published already. */
void images(Map o, Map place, Map run) {
    try {
        slipwayImage(run.farm, [
            images: o.images, distro: place.distro, label: o.label, publishLabel: o.publishLabel, labels: o.labels,
            state: o.state, signingKey: o.signingKey, signingPassphrase: o.signingPassphrase,
            avoided: run.avoided,
        ])
    } catch (hudson.AbortException e) {
        run.good = false
        run.fault = e.message
    }
}

/** After an error or abort: sets the build's description and makes a report if an agent is available soon. */
void lastWords(Map o, Map run, Object e) {
    String reason = "${run.fault ?: e.message ?: e.toString()}".toString()
    currentBuild.description = slipwayReport.cut("${titleOf()}: ended: ${reason}", 1000)
    if (run.farm == null) { return }
    run.farm.ended = "the build was aborted: ${reason}".toString()
    run.farm.stopped = true
    try {
        timeout(time: 10, unit: 'MINUTES') {
            slipwayNode(o.label, run.avoided) { finish(o, run) }
        }
    } catch (f) {
        echo("slipway: could not make the report: ${f.message}")
    }
}

String titleOf() {
    return (env.CHANGE_ID ? env.JOB_NAME : env.TAG_NAME ?: env.BRANCH_NAME ?: env.JOB_NAME ?: 'run').toString()
}
