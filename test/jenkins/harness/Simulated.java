import java.util.*;
import java.util.regex.*;

/** Agents and a program that take the time that a plan says, on a clock of their own: for what thousands of tasks cost the controller. */
final class Simulated {
    private final List<Number> seconds;
    private final long startMillis, stepMillis, idleMillis, takeMillis;
    private final Map<String, Long> warmUntil = new HashMap<>();
    /** How often, of a thousand calls, something goes wrong; only with a seed. */
    private final int trouble;
    /** When each task was given out, in seconds. */
    final Map<String, Double> began = new TreeMap<>();
    /** Builds of other jobs that want an agent for some time. */
    private static final class Other { long at, millis, begin = -1; Program.Agent agent; boolean ended; }
    private final List<Other> others = new ArrayList<>();
    private final Set<String> broken;
    private final Set<Integer> running = new HashSet<>(), done = new HashSet<>();
    Simulated(Map<String, Object> m) {
        seconds = (List<Number>) m.get("seconds");
        startMillis = ((Number) m.getOrDefault("agentStart", 30000)).longValue();
        stepMillis = ((Number) m.getOrDefault("step", 350)).longValue();
        broken = new HashSet<>((List<String>) m.getOrDefault("broken", new ArrayList<>()));
        takeMillis = ((Number) m.getOrDefault("agentTake", 65)).longValue();
        trouble = ((Number) m.getOrDefault("trouble", 0)).intValue();
        idleMillis = ((Number) m.getOrDefault("agentIdle", 300000)).longValue();
        for (Map<String, Object> o : (List<Map<String, Object>>) m.getOrDefault("others", new ArrayList<>())) {
            Other other = new Other();
            other.at = ((Number) o.get("at")).longValue() * 1000;
            other.millis = ((Number) o.get("seconds")).longValue() * 1000;
            others.add(other);
        }
    }
    /** The queue: who asked first gets the next free agent. */
    boolean others() {
        boolean moved = false;
        for (Other o : others) {
            if (o.agent != null && !o.ended && Harness.now() >= o.begin + o.millis) { o.agent.user = null; o.ended = moved = true; }
            if (o.agent != null || Harness.now() < o.at) continue;
            for (Program.Agent a : Program.current.agents) {
                if (a.offline || a.user != null || Program.current.lines.stream().anyMatch(l -> l.waiting instanceof Step.Node && ((Step.Node) l.waiting).waitsLonger(a, o.at))) continue;
                a.user = o.agent = a;
                o.begin = Harness.now();
                moved = true;
                break;
            }
        }
        return moved;
    }
    long nextOfOthers() {
        long next = Long.MAX_VALUE;
        for (Other o : others) {
            if (o.agent == null && o.at > Harness.now()) next = Math.min(next, o.at);
            if (o.agent != null && !o.ended) next = Math.min(next, o.begin + o.millis);
        }
        return next;
    }
    /** How many seconds each of the others waited for an agent; -1: never had one. */
    List<Double> waited() {
        List<Double> all = new ArrayList<>();
        for (Other o : others) all.add(o.begin < 0 ? -1.0 : (o.begin - o.at) / 1e3);
        return all;
    }
    /** What `slipway work` would print; null for other scripts. */
    String reply(String script, String agent) {
        if (!script.contains("'work'")) return script.contains("slipway") ? "" : null;
        if (script.contains("'--check'")) return goesWrong() ? "fault not sound\nexit 1\n" : "ready\n";
        Matcher m = Pattern.compile("'--tasks' '([0-9,]+)'").matcher(script);
        if (!m.find()) throw new IllegalStateException("slipway work was called without tasks: " + script);
        StringBuilder b = new StringBuilder("ready\n");
        List<Integer> ended = new ArrayList<>();
        String[] numbers = m.group(1).split(",");
        for (String n : numbers) {
            if (running.contains(Integer.parseInt(n)) || done.contains(Integer.parseInt(n))) throw new IllegalStateException("task " + n + " was given out twice");
            ended.add(Integer.parseInt(n));
            began.put(n, Harness.now() / 1e3);
        }
        // It passes its check, and fails whatever it is given.
        
        if (broken.contains(agent)) return "ready\nfault the disk is broken\nexit 1\n";
        if (goesWrong()) {
            int how = Safepoints.random.nextInt(5);
            if (how == 0) return VANISHED;
            if (how == 1) return LOST;
            if (how == 2) return "fault the store is gone\nexit 1\n";
            if (how == 3) return "ready\n\nexit 137\n";
            ended.subList(ended.size() / 2, ended.size()).clear();
        }
        for (int n : ended) b.append(n).append(" built\n");
        running.addAll(ended);
        return b.append(ended.size() == numbers.length ? "end\n\nexit 0\n" : "\nexit 137\n").toString();
    }
    /** The agent went away with the process; it came back without it. */
    static final String VANISHED = "vanished", LOST = "lost";
    private boolean goesWrong() { return Safepoints.random != null && Safepoints.random.nextInt(1000) < trouble; }
    /** A reply reached the controller. */
    void told(String reply) {
        for (String l : reply.split("\n")) if (l.endsWith(" built")) { running.remove(Integer.parseInt(l.split(" ")[0])); done.add(Integer.parseInt(l.split(" ")[0])); }
    }
    long milliseconds(String reply) {
        long t = stepMillis;
        for (String l : reply.split("\n")) if (l.endsWith(" built")) t += seconds.get(Integer.parseInt(l.split(" ")[0])).doubleValue() * 1000;
        return t;
    }
    /** As long as the program's words about these tasks: two lines each. */
    String log(String reply) {
        StringBuilder b = new StringBuilder();
        for (String l : reply.split("\n")) if (l.endsWith(" built")) b.append("building jazzy/noble-amd64/some_package_of_robots\n[1/1] built jazzy/noble-amd64/some_package_of_robots 1.0.0-0noble.20260101.010101 in 15 s\n");
        return b.toString();
    }
    long agentStart(String agent) { return Harness.now() < warmUntil.getOrDefault(agent, -1L) ? takeMillis : startMillis; }
    void released(String agent) { warmUntil.put(agent, Harness.now() + idleMillis); }
}
