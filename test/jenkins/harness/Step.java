import com.cloudbees.groovy.cps.Outcome;
import groovy.lang.Closure;
import hudson.AbortException;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.stream.Collectors;

/** A step that is under way. `poll` is asked until it came to its end; all of it survives a restart of the controller. */
abstract class Step implements Serializable {
    StepCall call;
    Program.Line line;
    abstract void start() throws Exception;
    void poll() throws Exception { }
    /** A body came to its end. */
    void bodyDone(Program.Line body, Outcome o) throws Exception { done(o); }
    void stop(Throwable why) throws Exception { fail(why); }

    @Override public String toString() { return call.name; }

    Program program() { return Program.current; }
    void value(Object v) { done(new Outcome(v, null)); }
    void fail(Throwable t) { done(new Outcome(null, t)); }
    void done(Outcome o) {
        if (line.waiting != this) return;
        line.waiting = null;
        line.feed = o;
    }
    Program.Context here() { return line.context; }
    Program.Context onAgent() {
        if (here().agent == null) throw new IllegalStateException("Required context class hudson.FilePath is missing. Perhaps you forgot to surround the " + call.name + " step with a step that provides this, such as: node");
        return here();
    }
    /** Each block step is a start and an end, and so is each body that it runs. */
    void body(Program.Context c) { program().flowNodes += 2; program().startBody(this, (Closure<?>) call.arguments.get("{}"), c, null); }

    static Step of(StepCall call) {
        switch (call.name) {
            case "sh": return new Sh();
            case "node": return new Node();
            case "parallel": return new Parallel();
            case "retry": return new Retry();
            case "sleep": return new Sleep();
            case "timeout": return new Timeout();
            case "lock": return new Lock();
            case "waitUntil": return new WaitUntil();
            case "withCredentials": return new WithCredentials();
            default: return new Simple();
        }
    }

    static final class Interrupted extends Exception {
        final boolean agentLost;
        Interrupted(String message, boolean agentLost) { super(message); this.agentLost = agentLost; }
    }

    /** Steps that end at once, or only give their body another context. */
    static final class Simple extends Step {
        @Override void start() throws Exception {
            Program p = program();
            switch (call.name) {
                case "echo": Harness.log(call.text("message") + "\n"); value(null); break;
                case "error": fail(new AbortException(call.text("message"))); break;
                case "pwd": value(call.flag("tmp") ? mkdir(onAgent().folder + "@tmp") : onAgent().folder); break;
                case "fileExists": value(Files.exists(path("file"))); break;
                case "readFile":
                    if (!Files.exists(path("file"))) fail(new NoSuchFileException(call.text("file")));
                    else value(new String(Files.readAllBytes(path("file")), StandardCharsets.UTF_8));
                    break;
                case "writeFile":
                    Files.createDirectories(path("file").getParent());
                    Files.write(path("file"), call.text("text").getBytes(StandardCharsets.UTF_8));
                    value(null);
                    break;
                case "isUnix": value(true); break;
                case "input":
                    if (here().agent != null) fail(new IllegalStateException("input holds an agent"));
                    else if (Harness.approver == null) fail(new Interrupted("Rejected", false));
                    else value(call.arguments.containsKey("submitterParameter") ? Harness.approver : null);
                    break;
                case "libraryResource": value(new String(Files.readAllBytes(Paths.get(Harness.resources, call.text("resource"))), StandardCharsets.UTF_8)); break;
                case "checkout": checkout(); break;
                case "properties": p.jobProperties = call.arguments.get("properties"); value(null); break;
                case "build": p.triggered.add(call.arguments); value(null); break;
                case "mail": p.mails.add(call.arguments); value(null); break;
                case "archiveArtifacts": archive(call.text("artifacts"), "artifacts", call.flag("allowEmptyArchive")); break;
                case "junit": archive(call.text("testResults"), "junit", call.flag("allowEmptyResults")); break;
                case "deleteDir": Harness.delete(Paths.get(onAgent().folder)); value(null); break;
                case "stash": stash(call.text("name"), true); break;
                case "unstash": stash(call.text("name"), false); break;
                case "unstable": p.build.result = "UNSTABLE"; value(null); break;
                case "stage": Harness.log("[Pipeline] { (" + call.text("name") + ")\n"); body(here()); break;
                case "dir": { Program.Context c = onAgent(); body(new Program.Context(c.agent, mkdir(Paths.get(c.folder).resolve(call.text("path")).normalize().toString()), c.env, c.secrets)); break; }
                case "withEnv": {
                    Map<String, String> env = new LinkedHashMap<>(here().env);
                    for (Object o : (Collection<?>) call.arguments.get("overrides")) { String s = o.toString(); env.put(s.substring(0, s.indexOf('=')), s.substring(s.indexOf('=') + 1)); }
                    body(new Program.Context(here().agent, here().folder, env, here().secrets));
                    break;
                }
                case "withFolderProperties": {
                    Map<String, String> env = new LinkedHashMap<>(here().env);
                    Harness.folderProperties.forEach((k, v) -> env.put(k, v.toString()));
                    body(new Program.Context(here().agent, here().folder, env, here().secrets));
                    break;
                }
                case "catchError": body(here()); break;
                default: throw new UnsupportedOperationException("the harness has no step " + call.name);
            }
        }
        @Override void bodyDone(Program.Line body, Outcome o) {
            if (call.name.equals("catchError") && o.isFailure() && !(o.getAbnormal() instanceof Interrupted)) { program().build.result = "FAILURE"; value(null); }
            else done(o);
        }
        private void stash(String name, boolean save) throws Exception {
            Path kept = Paths.get(Harness.home, "stashes", name);
            Path here = Paths.get(onAgent().folder);
            Files.createDirectories(kept);
            if (save) {
                for (String f : call.text("includes").split(",")) Files.copy(here.resolve(f.trim()), kept.resolve(f.trim()), StandardCopyOption.REPLACE_EXISTING);
            } else {
                try (java.util.stream.Stream<Path> s = Files.list(kept)) { for (Path f : (Iterable<Path>) s::iterator) Files.copy(f, here.resolve(f.getFileName().toString()), StandardCopyOption.REPLACE_EXISTING); }
            }
            value(null);
        }
        private Path path(String key) { return Paths.get(onAgent().folder).resolve(call.text(key)); }
        private void checkout() throws Exception {
            Path folder = Paths.get(onAgent().folder);
            String url = Harness.scmUrl, ref = Harness.scmRef;
            Object scm = call.arguments.get("scm");
            if (scm instanceof Map) {
                url = text(scm, "userRemoteConfigs", "url");
                ref = "refs/heads/" + text(scm, "branches", "name");
            }
            Process p = new ProcessBuilder("sh", "-ec", "mkdir -p \"$1\"; cd \"$1\"; [ -d .git ] || git init -q; git fetch -q --force \"$2\" \"$3\" '+refs/heads/*:refs/remotes/origin/*'; git remote remove origin 2>/dev/null || :; git remote add origin \"$2\"; git fetch -q --force \"$2\" \"$3\"; git checkout -q --force FETCH_HEAD; git clean -qfd", "sh", folder.toString(), url, ref).redirectErrorStream(true).start();
            String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (p.waitFor() == 0) value(null); else fail(new AbortException("checkout: " + out));
        }
        private static String text(Object scm, String list, String key) { return ((Map<?, ?>) ((List<?>) ((Map<?, ?>) scm).get(list)).get(0)).get(key).toString(); }
        private void archive(String globs, String kind, boolean allowEmpty) throws Exception {
            Path from = Paths.get(onAgent().folder);
            Path to = Paths.get(Harness.home, kind);
            List<Path> found = new ArrayList<>();
            for (String glob : globs.split(",")) {
                PathMatcher m = FileSystems.getDefault().getPathMatcher("glob:" + glob.trim());
                PathMatcher flat = FileSystems.getDefault().getPathMatcher("glob:" + glob.trim().replace("**/", ""));
                if (Files.isDirectory(from)) try (java.util.stream.Stream<Path> s = Files.walk(from)) { s.filter(Files::isRegularFile).filter(f -> m.matches(from.relativize(f)) || flat.matches(from.relativize(f))).forEach(found::add); }
            }
            if (found.isEmpty() && !allowEmpty) { fail(new AbortException("No " + kind + " found that match the file pattern \"" + globs + "\"")); return; }
            for (Path f : found) {
                Path target = to.resolve(from.relativize(f).toString());
                Files.createDirectories(target.getParent());
                Files.copy(f, target, StandardCopyOption.REPLACE_EXISTING);
                if (kind.equals("junit")) {
                    String text = new String(Files.readAllBytes(f), StandardCharsets.UTF_8);
                    program().junit.add(from.relativize(f).toString());
                    if (text.contains("<failure") && program().build.result == null) program().build.result = "UNSTABLE";
                }
            }
            value(null);
        }
        static String mkdir(String p) throws IOException { Files.createDirectories(Paths.get(p)); return p; }
    }

    /** A durable process: it writes its exit code to a file, so that a controller that comes back finds it. */
    static final class Sh extends Step {
        String control; long logged; long deadline; String canned; int polls; long since = System.currentTimeMillis();
        @Override public String toString() { return "sh " + call.text("label") + " in " + control; }
        @Override void start() throws Exception {
            Program.Context c = onAgent();
            program().shSteps++;
            if (Harness.simulated != null) {
                canned = Harness.simulated.reply(call.text("script"), c.agent.name);
                if (canned != null) { deadline = Harness.now() + Harness.simulated.milliseconds(canned); return; }
            }
            control = c.folder + "@tmp/durable-" + UUID.randomUUID();
            Files.createDirectories(Paths.get(control));
            Files.createDirectories(Paths.get(c.folder));
            String script = call.text("script");
            if (!script.startsWith("#!")) script = "#!/bin/sh -xe\n" + script;
            Files.write(Paths.get(control, "script.sh"), script.getBytes(StandardCharsets.UTF_8));
            new File(control, "script.sh").setExecutable(true);
            String out = call.flag("returnStdout") ? "output" : "log";
            ProcessBuilder b = new ProcessBuilder("setsid", "sh", "-c", "echo $$ > '" + control + "/pid.tmp'; mv '" + control + "/pid.tmp' '" + control + "/pid'; '" + control + "/script.sh' >> '" + control + "/" + out + "' 2>> '" + control + "/log'; echo $? > '" + control + "/rc.tmp'; mv '" + control + "/rc.tmp' '" + control + "/rc'");
            b.directory(new File(c.folder));
            b.environment().putAll(c.env);
            b.environment().put("WORKSPACE", c.folder);
            b.environment().put("WORKSPACE_TMP", c.agent.home + "/workspace/" + Harness.jobFolder + "@tmp");
            b.environment().put("BUILD_URL", "http://127.0.0.1:1/job/" + Harness.jobFolder + "/" + Paths.get(Harness.home).getFileName() + "/");
            b.environment().put("JENKINS_HARNESS_AGENT", c.agent.name);
            b.redirectErrorStream(true).redirectOutput(new File("/dev/null"));
            b.start();
        }
        @Override void poll() throws Exception {
            if (canned != null) {
                if (here().agent.offline) { fail(new Interrupted("Agent was removed", true)); return; }
                if (Harness.now() >= deadline) {
                    if (canned == Simulated.VANISHED) { fail(new Interrupted("Agent was removed", true)); return; }
                    if (canned == Simulated.LOST) { fail(new AbortException("script returned exit code -1")); return; }
                    Harness.log(Harness.simulated.log(canned));
                    Harness.simulated.told(canned);
                    value(canned);
                }
                return;
            }
            copyLog();
            if (here().agent.offline) { fail(new Interrupted("Agent " + here().agent.name + " was deleted; cancelling node body", true)); return; }
            Path rc = Paths.get(control, "rc");
            if (!Files.exists(rc)) {
                // As Jenkins: the process is gone, and nobody wrote its exit code.
                if (++polls % 100 == 0 && !alive() && !Files.exists(rc)) { Harness.log("wrapper script does not seem to be touching the log file\n"); fail(new AbortException("script returned exit code -1")); }
                return;
            }
            int code = Integer.parseInt(new String(Files.readAllBytes(rc)).trim());
            copyLog();
            if (call.flag("returnStatus")) { value(code); return; }
            if (code != 0) { fail(new AbortException("script returned exit code " + code)); return; }
            value(call.flag("returnStdout") ? new String(Files.exists(Paths.get(control, "output")) ? Files.readAllBytes(Paths.get(control, "output")) : new byte[0], StandardCharsets.UTF_8) : null);
        }
        private boolean alive() throws Exception {
            Path pid = Paths.get(control, "pid");
            // On a machine that is busy it may not have begun.
            if (!Files.exists(pid)) return System.currentTimeMillis() - since < 60_000;
            return Files.exists(Paths.get("/proc", new String(Files.readAllBytes(pid)).trim()));
        }
        private void copyLog() throws Exception {
            Path log = Paths.get(control, "log");
            if (!Files.exists(log)) return;
            byte[] all = Files.readAllBytes(log);
            // What the log has already is there after a kill too.
            logged = Math.max(logged, Harness.copied.getOrDefault(control, 0L));
            if (all.length > logged) {
                String text = new String(all, (int) logged, (int) (all.length - logged), StandardCharsets.UTF_8);
                logged = all.length;
                Harness.copied.put(control, logged);
                for (String s : here().secrets) if (!s.isEmpty()) text = text.replace(s, "****");
                Harness.log(text);
            }
        }
        @Override void stop(Throwable why) throws Exception {
            if (canned == null) {
                for (int i = 0; i < 100 && !Files.exists(Paths.get(control, "pid")); i++) Thread.sleep(20);
                String pid = new String(Files.readAllBytes(Paths.get(control, "pid"))).trim();
                // Jenkins ends every process that has the build's cookie, here a process group.
                new ProcessBuilder("sh", "-c", "kill -TERM -" + pid + "; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 -" + pid + " 2>/dev/null || exit 0; sleep 0.25; done; kill -KILL -" + pid).start().waitFor();
                copyLog();
            }
            fail(why);
        }
    }

    static final class Sleep extends Step {
        long until;
        @Override void start() {
            String unit = call.text("unit") == null ? "SECONDS" : call.text("unit");
            until = Harness.now() + java.util.concurrent.TimeUnit.valueOf(unit).toMillis(((Number) call.arguments.get("time")).longValue()) / Harness.hurry;
        }
        @Override void poll() { if (Harness.now() >= until) value(null); }
    }

    static final class Node extends Step {
        Program.Agent agent; long ready; long since;
        @Override void start() { since = Harness.now(); }
        boolean waitsLonger(Program.Agent a, long than) { return agent == null && since <= than && a.fits(call.text("label")); }
        @Override void poll() throws Exception {
            if (agent != null) {
                if (ready > 0 && Harness.now() >= ready) { ready = 0; enter(); }
                return;
            }
            List<Program.Agent> agents = new ArrayList<>(program().agents);
            // One that is there is taken before a new one is started.
            if (Harness.simulated != null) agents.sort(Comparator.comparingLong(a -> Harness.simulated.agentStart(a.name)));
            for (Program.Agent a : agents) {
                if (a.offline || a.user != null || !a.fits(call.text("label"))) continue;
                a.user = this;
                agent = a;
                Harness.log("Running on " + a.name + "\n");
                if (Harness.simulated != null) { ready = Harness.now() + Harness.simulated.agentStart(a.name); return; }
                enter();
                return;
            }
        }
        private void enter() throws Exception {
            String folder = agent.home + "/workspace/" + Harness.jobFolder;
            Files.createDirectories(Paths.get(folder));
            Map<String, String> env = new LinkedHashMap<>(here().env);
            env.putAll(agent.env);
            env.put("NODE_NAME", agent.name);
            program().flowNodes += 2;
            program().startBody(this, (Closure<?>) call.arguments.get("{}"), new Program.Context(agent, folder, env, here().secrets), null);
        }
        @Override void bodyDone(Program.Line body, Outcome o) {
            if (agent.user == this) agent.user = null;
            if (Harness.simulated != null) Harness.simulated.released(agent.name);
            done(o);
        }
    }

    static final class Parallel extends Step {
        final Map<String, Outcome> ended = new LinkedHashMap<>(); int count;
        @Override void start() {
            Map<?, ?> branches = (Map<?, ?>) call.arguments.get("branches");
            for (Map.Entry<?, ?> e : branches.entrySet()) {
                if (e.getKey().equals("failFast")) continue;
                count++;
                program().flowNodes += 2;
                program().startBody(this, (Closure<?>) e.getValue(), here(), e.getKey().toString());
            }
            if (count == 0) value(null);
        }
        @Override void bodyDone(Program.Line body, Outcome o) {
            ended.put(body.branch, o);
            if (ended.size() < count) return;
            for (Outcome e : ended.values()) if (e.isFailure()) { done(e); return; }
            value(null);
        }
    }

    static final class Retry extends Step {
        int left; List<String> conditions = new ArrayList<>();
        @Override void start() {
            left = ((Number) call.arguments.get("count")).intValue();
            if (call.arguments.get("conditions") != null) for (Object c : (Collection<?>) call.arguments.get("conditions")) conditions.add(((Map<?, ?>) c).get("$symbol").toString());
            body(here());
        }
        @Override void bodyDone(Program.Line b, Outcome o) {
            boolean again = o.isFailure() && --left > 0 && (conditions.isEmpty() ? !(o.getAbnormal() instanceof Interrupted) : conditions.contains("agent") && o.getAbnormal() instanceof Interrupted && ((Interrupted) o.getAbnormal()).agentLost);
            if (again) { Harness.log("Retrying\n"); body(here()); } else done(o);
        }
    }

    static final class Timeout extends Step {
        long until; boolean over;
        @Override void start() {
            String unit = call.text("unit") == null ? "MINUTES" : call.text("unit");
            until = Harness.now() + java.util.concurrent.TimeUnit.valueOf(unit).toMillis(((Number) call.arguments.get("time")).longValue()) / Harness.speed;
            body(here());
        }
        @Override void poll() throws Exception {
            if (over || Harness.now() < until) return;
            over = true;
            Harness.log("Cancelling nested steps due to timeout\n");
            Harness.stopBelow(this, new Interrupted("Timeout has been exceeded", false));
        }
    }

    static final class Lock extends Step {
        boolean held;
        @Override void poll() {
            String name = call.text("resource");
            if (held || program().locks.get(name) != null) return;
            program().locks.put(name, this);
            held = true;
            body(here());
        }
        @Override void start() { }
        @Override void bodyDone(Program.Line b, Outcome o) { program().locks.remove(call.text("resource")); done(o); }
    }

    static final class WaitUntil extends Step {
        long next; long period; boolean asking;
        @Override void start() { period = call.arguments.get("initialRecurrencePeriod") == null ? 250 : ((Number) call.arguments.get("initialRecurrencePeriod")).longValue(); ask(); }
        private void ask() { asking = true; body(here()); }
        @Override void poll() { if (!asking && Harness.now() >= next) ask(); }
        @Override void bodyDone(Program.Line b, Outcome o) {
            asking = false;
            if (o.isFailure()) done(o);
            else if (Boolean.TRUE.equals(o.getNormal())) value(null);
            else { next = Harness.now() + period / Harness.hurry; period = Math.min(15000, (long) (period * 1.2)); }
        }
    }

    static final class WithCredentials extends Step {
        final List<String> files = new ArrayList<>();
        @Override void start() throws Exception {
            Map<String, String> env = new LinkedHashMap<>(here().env);
            List<String> secrets = new ArrayList<>(here().secrets);
            for (Object o : (Collection<?>) call.arguments.get("bindings")) {
                Map<?, ?> b = (Map<?, ?>) o;
                Map<?, ?> c = (Map<?, ?>) Harness.credentials.get(b.get("credentialsId").toString());
                if (c == null) { fail(new AbortException("Could not find credentials entry with ID '" + b.get("credentialsId") + "'")); return; }
                switch (b.get("$symbol").toString()) {
                    case "usernamePassword": env.put(b.get("usernameVariable").toString(), c.get("username").toString()); env.put(b.get("passwordVariable").toString(), c.get("password").toString()); secrets.add(c.get("password").toString()); break;
                    case "string": env.put(b.get("variable").toString(), c.get("secret").toString()); secrets.add(c.get("secret").toString()); break;
                    case "file": case "sshUserPrivateKey": {
                        String variable = (b.get("variable") != null ? b.get("variable") : b.get("keyFileVariable")).toString();
                        Path f = Paths.get(onAgent().folder + "@tmp", "secretFiles-" + UUID.randomUUID());
                        Files.createDirectories(f.getParent());
                        Files.write(f, c.get("content").toString().getBytes(StandardCharsets.UTF_8));
                        Files.setPosixFilePermissions(f, java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
                        files.add(f.toString());
                        env.put(variable, f.toString());
                        if (b.get("usernameVariable") != null) env.put(b.get("usernameVariable").toString(), c.get("username").toString());
                        break;
                    }
                    default: throw new IllegalArgumentException("no binding " + b.get("$symbol"));
                }
            }
            body(new Program.Context(here().agent, here().folder, env, secrets));
        }
        @Override void bodyDone(Program.Line b, Outcome o) throws Exception {
            for (String f : files) Files.deleteIfExists(Paths.get(f));
            done(o);
        }
    }
}
