/** An agent for one short thing, which is done anew on another where the agent vanishes; see slipwayNode.txt. */
void call(String label, Map avoided = [:], Closure body) {
    retry(count: 3, conditions: [agent(), nonresumable()]) {
        node(slipwayAgents.without(label, avoided)) {
            body()
        }
    }
}
