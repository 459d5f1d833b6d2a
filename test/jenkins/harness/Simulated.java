import java.util.*;
import java.util.regex.*;

/** Agents and a program that take the time that a plan says, on a clock of their own: for what thousands of tasks cost the controller. */
final class Simulated {
    private final List<Number> seconds;
    private final long startMillis, stepMillis, idleMillis;
    private final Map<String, Long> warmUntil = new HashMap<>();
    Simulated(Map<String, Object> m) {
        seconds = (List<Number>) m.get("seconds");
        startMillis = ((Number) m.getOrDefault("agentStart", 30000)).longValue();
        stepMillis = ((Number) m.getOrDefault("step", 350)).longValue();
        idleMillis = ((Number) m.getOrDefault("agentIdle", 300000)).longValue();
    }
    /** What `slipway work` would print; null for other scripts. */
    String reply(String script) {
        if (!script.contains("'work'")) return script.contains("slipway") ? "" : null;
        Matcher m = Pattern.compile("'--tasks' '([0-9,]+)'").matcher(script);
        if (!m.find()) return null;
        StringBuilder b = new StringBuilder();
        for (String n : m.group(1).split(",")) b.append(n).append(" built\n");
        return b.append("end\n").toString();
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
    long agentStart(String agent) { return Harness.now() < warmUntil.getOrDefault(agent, -1L) ? 65 : startMillis; }
    void released(String agent) { warmUntil.put(agent, Harness.now() + idleMillis); }
}
