import groovy.json.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

/**
 * Agents that a cloud's plugin starts and ends, outside of this process. FOLDER/queue.json tells it what waits and what each agent
 * does; in FOLDER/nodes.json it writes the agents that there are: a list of {name, labels, env}. One that leaves the list is gone, with all
 * that runs on it.
 */
final class Fleet {
    private final Path folder;
    private final String home;
    private long looked;
    private String told = "", read = "";
    Fleet(Map<String, Object> m) { folder = Paths.get((String) m.get("folder")); home = (String) m.get("home"); }

    /** Whether an agent came or went. */
    boolean changed() throws Exception {
        if (System.currentTimeMillis() - looked < 100) return false;
        looked = System.currentTimeMillis();
        tell();
        Path file = folder.resolve("nodes.json");
        if (!Files.exists(file)) return false;
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        if (text.equals(read)) return false;
        read = text;
        Set<String> there = new HashSet<>();
        for (Map<String, Object> n : (List<Map<String, Object>>) new JsonSlurper().parseText(text)) {
            String name = (String) n.get("name");
            there.add(name);
            if (Program.current.agents.stream().anyMatch(a -> a.name.equals(name))) continue;
            Program.current.agents.add(new Program.Agent(name, new LinkedHashSet<>(Arrays.asList(((String) n.get("labels")).split(" "))), home + "/" + name, new LinkedHashMap<>((Map<String, String>) n.get("env"))));
            Harness.log("Agent " + name + " came\n");
        }
        for (Program.Agent a : Program.current.agents) if (!a.offline && !there.contains(a.name)) Harness.remove(a);
        return true;
    }

    private void tell() throws Exception {
        List<String> waiting = new ArrayList<>();
        for (Program.Line l : Program.current.lines)
            if (l.waiting instanceof Step.Node && ((Step.Node) l.waiting).agent == null) waiting.add(l.waiting.call.text("label"));
        Map<String, Boolean> agents = new TreeMap<>();
        for (Program.Agent a : Program.current.agents) if (!a.offline) agents.put(a.name, a.user != null);
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("waiting", waiting);
        all.put("busy", agents);
        String text = JsonOutput.toJson(all);
        if (text.equals(told)) return;
        told = text;
        Files.write(folder.resolve("queue.json.new"), text.getBytes(StandardCharsets.UTF_8));
        Files.move(folder.resolve("queue.json.new"), folder.resolve("queue.json"), StandardCopyOption.ATOMIC_MOVE);
    }
}
