import com.cloudbees.groovy.cps.*;
import com.cloudbees.groovy.cps.sandbox.*;
import groovy.json.*;
import groovy.lang.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.codehaus.groovy.control.CompilerConfiguration;
import org.codehaus.groovy.control.customizers.ImportCustomizer;

/**
 * Runs a Jenkinsfile with this library on groovy-cps, Jenkins' own interpreter, with steps that really run: agents are folders with
 * processes, and the program can be written out, thrown away and read back at any step.
 *
 * java Harness REQUEST.json: what to run; the result goes to HOME/result.json, the log to HOME/log.
 */
public final class Harness {
    static String home, resources, scmUrl, scmRef, jobFolder, varsFolder, jenkinsfile;
    static long hurry = 1;
    static Map<String, Object> credentials = new HashMap<>();
    /** Who answers `input`; null: it is refused. */
    static String approver;
    static Map<String, Object> folderProperties = new HashMap<>();
    static Simulated simulated;
    static Fleet fleet;
    /** As for a folder's library; null as for a global one. */
    static Sandbox sandbox;
    static Program.Line running;
    static PrintStream logFile;
    static long virtualNow;
    static boolean keepLog = true;
    static long groovyNanos;
    static long largest;
    static int serialisations;
    /** What a controller that is killed finds again: the program as it was written last; nothing where the hint says so. */
    static byte[] lastWritten;
    /** How much of each process' output the log has. */
    static final Map<String, Long> copied = new HashMap<>();
    static String durability;

    /** How many times quicker than ours the clock of scripts and timeouts runs. */
    static long speed = 1;
    static final long begun = System.currentTimeMillis();
    static long clock() { return begun + (now() - (simulated != null ? 0 : begun)) * speed; }
    static long now() { return simulated != null ? virtualNow : System.currentTimeMillis(); }
    static void log(String text) { Program.current.logBytes += text.getBytes(StandardCharsets.UTF_8).length; if (keepLog) { logFile.print(text); logFile.flush(); } }

    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        Map<String, Object> request = (Map<String, Object>) new JsonSlurper().parse(new File(args[0]));
        home = (String) request.get("home");
        Files.createDirectories(Paths.get(home));
        logFile = new PrintStream(new FileOutputStream(home + "/log", false), true, "UTF-8");
        resources = (String) request.get("resources");
        varsFolder = (String) request.get("vars");
        jenkinsfile = (String) request.get("jenkinsfile");
        scmUrl = (String) request.get("scmUrl");
        scmRef = (String) request.getOrDefault("scmRef", "HEAD");
        jobFolder = (String) request.getOrDefault("job", "job");
        hurry = ((Number) request.getOrDefault("hurry", 1)).longValue();
        approver = (String) request.get("approver");
        credentials = (Map<String, Object>) request.getOrDefault("credentials", new HashMap<>());
        folderProperties = (Map<String, Object>) request.getOrDefault("folderProperties", new HashMap<>());
        durability = (String) request.getOrDefault("durability", "MAX_SURVIVABILITY");
        speed = ((Number) request.getOrDefault("speed", 1)).longValue();
        if (request.get("simulated") != null) { simulated = new Simulated((Map<String, Object>) request.get("simulated")); keepLog = false; }
        if (request.get("fleet") != null) fleet = new Fleet((Map<String, Object>) request.get("fleet"));
        if (request.get("sandbox") != null) sandbox = new Sandbox((String) request.get("sandbox"));
        int checkEvery = ((Number) request.getOrDefault("checkEvery", 1)).intValue();
        List<Map<String, Object>> events = new ArrayList<>((List<Map<String, Object>>) request.getOrDefault("events", new ArrayList<>()));

        Program p = new Program();
        Program.current = p;
        for (Map<String, Object> a : (List<Map<String, Object>>) request.get("agents")) p.agents.add(new Program.Agent((String) a.get("name"), new LinkedHashSet<>(Arrays.asList(((String) a.get("labels")).split(" "))), (String) a.get("home"), new LinkedHashMap<>((Map<String, String>) a.getOrDefault("env", new HashMap<>()))));
        ((Map<String, Object>) request.getOrDefault("env", new HashMap<>())).forEach((k, v) -> p.buildEnv.put(k, v.toString()));
        p.build.fullDisplayName = jobFolder + " #1";
        if (request.get("previous") != null) { p.build.previousBuild = new Program.Build(); p.build.previousBuild.result = (String) request.get("previous"); }
        load(p, true);
        if (request.get("seeds") != null) { seeds((List<Number>) request.get("seeds"), (Map<String, Object>) request.get("simulated"), p); return; }
        p.startRoot((Script) p.vars.remove("Jenkinsfile"));
        new Harness().loop(events, checkEvery);
        finish();
    }

    /** Runs the same build once for each seed from the first to the last: branches switch, and agents fail, as it says. */
    private static void seeds(List<Number> range, Map<String, Object> plan, Program model) throws Exception {
        Map<String, Class<?>> classes = new LinkedHashMap<>();
        model.vars.forEach((name, script) -> classes.put(name, script.getClass()));
        List<Object> faults = new ArrayList<>();
        for (long seed = range.get(0).longValue(); seed <= range.get(1).longValue(); seed++) {
            Safepoints.random = new Random(seed);
            simulated = new Simulated(plan);
            virtualNow = 0;
            Program p = new Program();
            Program.current = p;
            p.build.fullDisplayName = "seed " + seed;
            for (Program.Agent a : model.agents) p.agents.add(new Program.Agent(a.name, a.labels, a.home, a.env));
            for (Map.Entry<String, Class<?>> c : classes.entrySet()) p.vars.put(c.getKey(), c.getValue().getDeclaredConstructor().newInstance());
            p.startRoot((Script) p.vars.remove("Jenkinsfile"));
            String fault = null;
            try { new Harness().loop(new ArrayList<>(), 0); if (p.failure != null) fault = p.failure.toString(); }
            catch (Exception e) { fault = e.toString(); }
            if (fault != null) faults.add(Arrays.asList(seed, fault));
        }
        Files.write(Paths.get(home, "result.json"), JsonOutput.toJson(Collections.singletonMap("faults", faults)).getBytes(StandardCharsets.UTF_8));
        System.exit(0);
    }

    /** Compiles the vars and the Jenkinsfile as the Pipeline plugin does; instances only for a new program. */
    static ClassLoader load(Program p, boolean fresh) throws Exception {
        CompilerConfiguration c = new CompilerConfiguration();
        CpsTransformer transformer = sandbox != null ? new SandboxedTransformer() : new CpsTransformer();
        transformer.setConfiguration(new TransformerConfiguration().withSafepoint(Safepoints.class, "safepoint"));
        c.addCompilationCustomizers(new ImportCustomizer().addImports("com.cloudbees.groovy.cps.NonCPS"), transformer);
        c.setScriptBaseClass(HarnessScript.class.getName());
        GroovyClassLoader loader = new GroovyClassLoader(Harness.class.getClassLoader(), c);
        File[] files = new File(varsFolder).listFiles((d, n) -> n.endsWith(".groovy"));
        Arrays.sort(files);
        for (File f : files) {
            Class<?> k = loader.parseClass(new GroovyCodeSource(f, "UTF-8"));
            if (fresh) p.vars.put(f.getName().replace(".groovy", ""), k.getDeclaredConstructor().newInstance());
        }
        Class<?> k = loader.parseClass(jenkinsfile, "WorkflowScript.groovy");
        if (fresh) p.vars.put("Jenkinsfile", k.getDeclaredConstructor().newInstance());
        return loader;
    }

    /** How what a script calls is called. */
    static Env outermost() { return Envs.empty(sandbox != null ? new SandboxInvoker() : Invoker.INSTANCE); }

    static byte[] written(Program p) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) { out.writeObject(p); }
        serialisations++;
        largest = Math.max(largest, bytes.size());
        return lastWritten = bytes.toByteArray();
    }

    /** A controller that ends in order writes everything first, whatever the durability. */
    static void restart() throws Exception { resume(written(Program.current)); }

    /** One that is killed writes nothing. Processes on the agents go on. */
    private static void kill() throws Exception {
        if (durability.equals("PERFORMANCE_OPTIMIZED") || lastWritten == null) {
            log("The controller was killed, and the build is lost\n");
            Files.write(Paths.get(home, "result.json"), JsonOutput.toJson(Collections.singletonMap("result", "LOST")).getBytes(StandardCharsets.UTF_8));
            System.exit(0);
        }
        resume(lastWritten);
    }

    private static void resume(byte[] bytes) throws Exception {
        ClassLoader loader = load(Program.current, false);
        Program.current = null;
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes)) {
            @Override protected Class<?> resolveClass(ObjectStreamClass d) throws IOException, ClassNotFoundException {
                try { return Class.forName(d.getName(), false, loader); } catch (ClassNotFoundException e) { return super.resolveClass(d); }
            }
        }) { Program.current = (Program) in.readObject(); }
        log("Resuming build after Jenkins restart\n");
    }

    private void loop(List<Map<String, Object>> events, int checkEvery) throws Exception {
        long last = System.currentTimeMillis();
        while (!Program.current.lines.isEmpty()) {
            boolean moved = false;
            Program p = Program.current;
            List<Program.Line> order = new ArrayList<>(p.lines);
            if (Safepoints.random != null) Collections.shuffle(order, Safepoints.random);
            for (Program.Line l : order) if (l.waiting == null && p.lines.contains(l)) { advance(l, checkEvery); moved = true; }
            if (simulated != null && simulated.others()) moved = true;
            for (Program.Line l : new ArrayList<>(p.lines)) {
                Step s = l.waiting;
                if (s == null) { moved = true; continue; }
                try { s.poll(); } catch (Exception e) { s.fail(e); }
                if (l.waiting == null) moved = true;
            }
            // A step that waited may have begun its body.
            for (Program.Line l : Program.current.lines) if (l.waiting == null) moved = true;
            if (happen(events)) moved = true;
            if (fleet != null && fleet.changed()) moved = true;
            if (moved) last = System.currentTimeMillis();
            else if (simulated != null) virtualNow = soonest();
            else if (System.currentTimeMillis() - last > 8 * 60_000) throw new IllegalStateException("nothing went on for 8 minutes: " + waiting());
            else Thread.sleep(10);
        }
    }

    /** The next moment at which something that waits for time goes on. */
    private static long soonest() {
        long next = simulated.nextOfOthers();
        for (Program.Line l : Program.current.lines) {
            Step s = l.waiting;
            if (s instanceof Step.Timeout && !((Step.Timeout) s).over) next = Math.min(next, ((Step.Timeout) s).until);
            if (s instanceof Step.Sleep) next = Math.min(next, ((Step.Sleep) s).until);
            if (s instanceof Step.Sh) next = Math.min(next, ((Step.Sh) s).deadline);
            if (s instanceof Step.Node && ((Step.Node) s).ready > 0) next = Math.min(next, ((Step.Node) s).ready);
        }
        if (next == Long.MAX_VALUE) throw new IllegalStateException("everything waits for ever: " + waiting());
        return Math.max(next, virtualNow);
    }

    /** What each line waits for. */
    private static String waiting() { return Program.current.lines.stream().map(l -> l.branch + ": " + (l.waiting == null ? "-" : l.waiting + " " + l.waiting.call.arguments.keySet())).collect(java.util.stream.Collectors.joining(", ")); }

    private static void advance(Program.Line l, int checkEvery) throws Exception {
        Program p = Program.current;
        Outcome o;
        running = l;
        if (l.continuable == null) o = l.feed;
        else {
            Outcome feed = l.feed;
            l.feed = null;
            long begun = System.nanoTime();
            if (sandbox != null) sandbox.register();
            try { o = l.continuable.run0(feed, Continuable.categories); } finally { if (sandbox != null) sandbox.unregister(); }
            groovyNanos += System.nanoTime() - begun;
            if (l.continuable.isResumable()) {
                // Other branches go on before this one.
                if (o.isSuccess() && o.getNormal() == Safepoints.SWITCH) { l.feed = new Outcome(null, null); return; }
                if (!o.isSuccess() || !(o.getNormal() instanceof StepCall)) throw new IllegalStateException("a line stopped without a step: " + o);
                StepCall call = (StepCall) o.getNormal();
                p.steps++;
                if (call.name.equals("sleep")) p.sleeps++;
                p.flowNodes += Signatures.takesBody(call.name) ? 2 : 1;
                log("[Pipeline] " + call.name + "\n");
                Step s = Step.of(call);
                s.call = call;
                s.line = l;
                l.waiting = s;
                try { s.start(); } catch (Exception e) { s.fail(e); }
                if (checkEvery > 0 && p.steps % checkEvery == 0) written(p);
                return;
            }
        }
        p.lines.remove(l);
        if (l.parent != null) l.parent.bodyDone(l, o);
        else if (o.isFailure()) p.failure = o.getAbnormal();
    }

    /** Ends what lies below a step, as an abort or a timeout does. */
    static void stopBelow(Step top, Throwable why) throws Exception { stopBelow(top, why, false); }

    /** `sparing`: one process comes to its end at this very moment, so that its line is between two steps. */
    static void stopBelow(Step top, Throwable why, boolean sparing) throws Exception {
        for (Program.Line l : new ArrayList<>(Program.current.lines)) {
            if (top != null && !isBelow(l, top)) continue;
            Step s = l.waiting;
            if (s == null || s instanceof Step.Parallel || s.call.arguments.get("{}") != null && !(s instanceof Step.Node && ((Step.Node) s).agent == null) && !(s instanceof Step.Lock && !((Step.Lock) s).held)) continue;
            if (sparing && s instanceof Step.Sh) { sparing = false; continue; }
            s.stop(why);
        }
    }

    private static boolean isBelow(Program.Line l, Step top) {
        for (Step s = l.parent; s != null; s = s.line.parent) if (s == top) return true;
        return false;
    }

    /** `{"when": "text of the log", "times": n, "do": "kill-agent" | "abort" | "restart" | "kill-controller", "sparing": true}` */
    private static boolean happen(List<Map<String, Object>> events) throws Exception {
        if (events.isEmpty()) return false;
        Map<String, Object> e = events.get(0);
        String text = new String(Files.readAllBytes(Paths.get(home, "log")), StandardCharsets.UTF_8);
        int seen = 0;
        for (int at = text.indexOf((String) e.get("when")); at >= 0; at = text.indexOf((String) e.get("when"), at + 1)) seen++;
        if (seen < ((Number) e.getOrDefault("times", 1)).intValue()) return false;
        events.remove(0);
        if (e.get("wait") != null) Thread.sleep(((Number) e.get("wait")).longValue());
        switch ((String) e.get("do")) {
            case "restart": restart(); break;
            case "kill-controller": kill(); break;
            case "abort":
                Program.current.aborted = true;
                log("Aborted by user\n");
                stopBelow(null, new Step.Interrupted("aborted", false), Boolean.TRUE.equals(e.get("sparing")));
                break;
            case "kill-agent":
                // The one that runs what the event names; all its processes die with it.
                for (Program.Agent a : Program.current.agents) {
                    if (a.user == null || a.offline || !busy(a) || !said(a, (String) e.get("when"))) continue;
                    remove(a);
                    break;
                }
                break;
            default: throw new IllegalArgumentException("no event " + e.get("do"));
        }
        return true;
    }

    /** An agent goes away, and all its processes with it. */
    static void remove(Program.Agent a) throws Exception {
        a.offline = true;
        log("Agent " + a.name + " went away\n");
        new ProcessBuilder("sh", "-c", "for p in /proc/[0-9]*; do if tr '\\0' '\\n' < $p/environ 2>/dev/null | grep -qx \"JENKINS_HARNESS_AGENT=$1\"; then kill -KILL ${p#/proc/} 2>/dev/null; fi; done", "sh", a.name).start().waitFor();
    }

    /** Whether what runs on an agent said a text; anything may say what comes from the pipeline itself. */
    private static boolean said(Program.Agent a, String text) throws IOException {
        if (text.startsWith("[Pipeline]")) return true;
        for (Program.Line l : Program.current.lines) {
            if (!(l.waiting instanceof Step.Sh) || l.context.agent != a || ((Step.Sh) l.waiting).control == null) continue;
            Path log = Paths.get(((Step.Sh) l.waiting).control, "log");
            if (Files.exists(log) && new String(Files.readAllBytes(log), StandardCharsets.UTF_8).contains(text)) return true;
        }
        return false;
    }

    private static boolean busy(Program.Agent a) {
        for (Program.Line l : Program.current.lines) if (l.waiting instanceof Step.Sh && l.context.agent == a) return true;
        return false;
    }

    static void delete(Path p) throws IOException { new ProcessBuilder("rm", "-rf", p.toString()).start(); }

    private static void finish() throws Exception {
        Program p = Program.current;
        Map<String, Object> r = new LinkedHashMap<>();
        r.put("result", p.aborted ? "ABORTED" : p.failure != null ? "FAILURE" : p.build.result == null ? "SUCCESS" : p.build.result);
        r.put("failure", p.failure == null ? null : p.failure.toString());
        r.put("description", p.build.description);
        r.put("steps", p.steps);
        r.put("sleeps", p.sleeps);
        r.put("shSteps", p.shSteps);
        r.put("flowNodes", p.flowNodes);
        r.put("logBytes", p.logBytes);
        r.put("programBytes", largest);
        r.put("serialisations", serialisations);
        r.put("groovySeconds", groovyNanos / 1e9);
        r.put("seconds", now() / 1e3);
        if (simulated != null) { r.put("began", simulated.began); r.put("waited", simulated.waited()); }
        r.put("triggered", p.triggered);
        r.put("mails", p.mails);
        r.put("junit", p.junit);
        r.put("properties", p.jobProperties);
        Files.write(Paths.get(home, "result.json"), JsonOutput.toJson(r).getBytes(StandardCharsets.UTF_8));
        if (p.failure != null) { log("ERROR: " + p.failure + "\n"); StringWriter w = new StringWriter(); p.failure.printStackTrace(new PrintWriter(w)); Files.write(Paths.get(home, "trace"), w.toString().getBytes()); }
        System.exit(0);
    }
}
