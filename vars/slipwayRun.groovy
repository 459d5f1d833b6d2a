/** Plan, build and test, publish, report: what distroPipeline and packagePipeline share; see slipwayRun.txt. */
boolean call(Map o, List<String> arguments, Map place = [:]) {
    Map farm = null
    boolean good = false
    boolean ended = false
    stage('Plan') {
        slipwayNode(o.label) {
            checkout(scm)
            farm = slipwayPlan([distro: place.distro, distroUrl: place.distroUrl, store: o.store, state: o.state, labels: o.labels, sourceCredentials: o.sourceCredentials, arguments: arguments])
            // Nothing to do: the same agent ends it.
            ended = !farm.architectures && farm.state.isEmpty() && (!o.publish || !farm.channel || !o.publishLabel)
            if (ended) { good = finish(o, farm) }
        }
        slipwayPlan.others(farm, o.labels, o.state)
    }
    if (!ended) {
        stage('Build and test') {
            timeout(time: o.hours, unit: 'HOURS') { slipwayBuild(farm, [lanes: o.lanes, state: o.state, arguments: o.arguments]) }
        }
        slipwayNode(o.publishLabel ?: o.label) { good = finish(o, farm) }
    }
    if (!good && o.notify) { mail(to: o.notify, subject: "${currentBuild.fullDisplayName}: ${currentBuild.description}".toString(), body: env.BUILD_URL ?: '') }
    if (!good) { currentBuild.result = 'FAILURE' }
    return good
}

boolean finish(Map o, Map farm) {
    boolean good = true
    String fault = ''
    if (o.publish && farm.channel && !farm.place) {
        stage('Publish') {
            lock("slipway ${farm.channel}".toString()) {
                try {
                    slipwayPublish(farm, [repository: o.repository, state: o.state, signingKey: o.signingKey, signingPassphrase: o.signingPassphrase])
                } catch (hudson.AbortException e) {
                    good = false
                    fault = e.message
                }
            }
        }
    }
    stage('Report') {
        good = slipwayReport(farm, [state: o.state]) && good
    }
    if (fault) { echo(fault) }
    return good
}
