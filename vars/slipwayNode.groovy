/** Runs a short body on an agent, and again on another one if the agent disappears; see slipwayNode.txt. */
void call(String label, Map avoided = [:], Closure body) {
    retry(count: 3, conditions: [agent(), nonresumable()]) {
        node(slipwayAgents.without(label, avoided)) {
            body()
        }
    }
}

/** The same, but reports if no agent is available within `minutes`. If agents are avoided, that is an error. */
void watched(String label, Map avoided, int minutes, Closure body) {
    retry(count: 3, conditions: [agent(), nonresumable()]) {
        if (!slipwayAgents.comes(label, avoided, minutes)) { error(slipwayAgents.noneOf(label, minutes)) }
        Map wait = [came: false]
        Map branches = [:]
        branches.put(label, takes(label, avoided, wait, body))
        branches.put('waits for an agent', waits(label, minutes, wait))
        parallel(branches)
    }
}

Closure takes(String label, Map avoided, Map wait, Closure body) {
    return { ->
        try {
            node(slipwayAgents.without(label, avoided)) {
                wait.came = true
                body()
            }
        } finally {
            wait.came = true
        }
    }
}

/** Reports a missing agent. Checks often at first, so that this branch ends soon after the agent came. */
Closure waits(String label, int minutes, Map wait) {
    return { ->
        long until = slipwayAgents.now() + minutes * 60000L
        int pause = 1
        while (!wait.came && slipwayAgents.now() < until) {
            sleep(time: pause, unit: 'SECONDS')
            pause = Math.min(15, pause + 1)
        }
        if (!wait.came) { slipwayAgents.tell(label, minutes) }
    }
}
