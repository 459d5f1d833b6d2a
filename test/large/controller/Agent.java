import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Stands in for Jenkins' agent.jar: takes its options by the same names, and runs what the stand-in controller says. */
public class Agent {
    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new java.util.TreeMap<>();
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].equals("-webSocket")) options.put("webSocket", "true");
            else options.put(arguments[i].substring(1), arguments[++i]);
        }
        if (!options.keySet().equals(java.util.Set.of("url", "name", "secret", "webSocket", "workDir")))
            throw new IllegalArgumentException(options.keySet().toString());
        String secret = Files.readString(Path.of(options.get("secret").substring(1)));
        HttpClient client = HttpClient.newHttpClient();
        send(client, options, secret, "connect", options.get("name"));
        for (;;) {
            String command = send(client, options, secret, "next", "");
            Process process = new ProcessBuilder("sh", "-c", command).directory(Path.of(options.get("workDir")).toFile())
                .redirectErrorStream(true).start();
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes());
            send(client, options, secret, "done", process.waitFor() + "\n" + output);
        }
    }

    static String send(HttpClient client, Map<String, String> options, String secret, String path, String body)
            throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(options.get("url") + path))
            .header("Authorization", "Bearer " + secret).POST(HttpRequest.BodyPublishers.ofString(body)).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) throw new IllegalStateException(path + ": " + response.statusCode());
        return response.body();
    }
}
