import com.cloudbees.groovy.cps.*;
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation;
import groovy.lang.*;
import hudson.AbortException;
import java.io.*;
import java.util.*;

/** A build's program: all that a controller writes out when it is restarted. */
final class Program implements Serializable {
    static transient Program current;

    /** What a step knows of where it runs. */
    static final class Context implements Serializable {
        final Agent agent; final String folder; final Map<String, String> env; final List<String> secrets;
        Context(Agent agent, String folder, Map<String, String> env, List<String> secrets) { this.agent = agent; this.folder = folder; this.env = env; this.secrets = secrets; }
    }

    /** One line of control: a branch, or a body of a step. */
    static final class Line implements Serializable {
        Continuable continuable; Outcome feed; Context context; Step waiting; Step parent; String branch;
        boolean runnable() { return waiting == null && continuable != null; }
    }

    static final class Agent implements Serializable {
        final String name; final Set<String> labels; final String home; final Map<String, String> env; Object user; boolean offline;
        final Map<String, Integer> workspaces = new HashMap<>();
        Agent(String name, Set<String> labels, String home, Map<String, String> env) { this.name = name; this.labels = labels; this.home = home; this.env = env; }
        boolean fits(String expression) {
            if (expression == null || expression.isEmpty()) return true;
            return new LabelExpression(expression, label -> label.equals(name) || labels.contains(label)).holds();
        }
    }

    /** currentBuild. */
    public static final class Build implements Serializable {
        public String result; public String description; public String fullDisplayName; public Build previousBuild;
        public void setResult(String r) { result = r; }
    }

    final Map<String, Object> vars = new LinkedHashMap<>();
    final List<Line> lines = new ArrayList<>();
    final List<Agent> agents = new ArrayList<>();
    final Map<String, String> buildEnv = new LinkedHashMap<>();
    final Build build = new Build();
    final Map<String, Object> locks = new HashMap<>();
    final List<Map<String, Object>> triggered = new ArrayList<>();
    final List<Map<String, Object>> mails = new ArrayList<>();
    final List<String> junit = new ArrayList<>();
    Object jobProperties;
    Throwable failure;
    boolean aborted;

    long steps; long sleeps; long flowNodes; long logBytes; long shSteps;

    /** Groovy asks `env.X`; one that is not there is null. */
    Object env() { return new EnvView(); }
    public static final class EnvView extends GroovyObjectSupport implements Serializable {
        @Override public Object getProperty(String name) {
            Line l = Harness.running;
            String v = l != null && l.context != null ? l.context.env.get(name) : null;
            return v != null ? v : current.buildEnv.get(name);
        }
    }

    void startRoot(Script script) {
        Line l = new Line();
        l.continuable = new Continuable(script, Harness.outermost());
        l.feed = new Outcome(null, null);
        l.context = new Context(null, null, buildEnv, new ArrayList<>());
        lines.add(l);
    }

    /** Runs a closure as a body of a step. */
    Line startBody(Step step, Closure<?> body, Context context, String branch) {
        Line l = new Line();
        l.parent = step;
        l.context = context;
        l.branch = branch;
        l.feed = new Outcome(null, null);
        try {
            if (Harness.sandbox != null) Harness.sandbox.register();
            Object v;
            try { v = body.call(); } finally { if (Harness.sandbox != null) Harness.sandbox.unregister(); }
            l.feed = new Outcome(v, null);
        } catch (CpsCallableInvocation inv) {
            l.continuable = new Continuable(inv.invoke(Harness.outermost(), null, Continuation.HALT));
        } catch (Throwable t) {
            l.feed = new Outcome(null, t);
        }
        lines.add(l);
        return l;
    }
}
