import java.util.*;

/**
 * Steps and symbols as Jenkins' published Pipeline steps reference gives them: each with its parameters, the one that may stand
 * alone first; `{}` where it takes a body. A name or parameter that is not here is an error, as it is there.
 */
final class Signatures {
    static final Map<String, String> STEPS = new HashMap<>();
    static final Map<String, String> SYMBOLS = new HashMap<>();
    static {
        String[] steps = {
            "archiveArtifacts artifacts allowEmptyArchive caseSensitive defaultExcludes excludes fingerprint followSymlinks onlyIfSuccessful",
            "build job parameters propagate quietPeriod wait waitForStart",
            "catchError {} buildResult catchInterruptions message stageResult",
            "checkout scm changelog poll",
            "deleteDir",
            "dir {} path",
            "echo message",
            "error message",
            "fileExists file",
            "input message cancel id ok parameters submitter submitterParameter",
            "isUnix",
            "junit testResults allowEmptyResults checksName healthScaleFactor keepLongStdio keepProperties keepTestNames skipMarkingBuildUnstable skipOldReports skipPublishingChecks stdioRetention testDataPublishers",
            "libraryResource resource encoding",
            "lock {} resource extra inversePrecedence label priority quantity reason resourceSelectStrategy skipIfLocked variable",
            "mail subject body bcc cc charset from mimeType replyTo to",
            "milestone ordinal label unsafe",
            "node {} label",
            "parallel {}",
            "properties properties",
            "pwd tmp",
            "readFile file encoding",
            "retry {} count conditions",
            "sh script encoding label returnStatus returnStdout",
            "sleep time unit",
            "stage {} name concurrency",
            "stash name allowEmpty excludes includes useDefaultExcludes",
            "timeout {} time activity unit",
            "unstable message",
            "unstash name",
            "waitUntil {} initialRecurrencePeriod quiet",
            "withCredentials {} bindings",
            "withEnv {} overrides",
            "withFolderProperties {}",
            "writeFile file text encoding",
        };
        String[] symbols = {
            "agent", "nonresumable",
            "usernamePassword credentialsId usernameVariable passwordVariable",
            "string credentialsId variable",
            "file credentialsId variable",
            "sshUserPrivateKey credentialsId keyFileVariable passphraseVariable usernameVariable",
            "disableConcurrentBuilds abortPrevious",
            "buildDiscarder strategy",
            "logRotator artifactDaysToKeepStr artifactNumToKeepStr daysToKeepStr numToKeepStr removeLastBuild",
            "durabilityHint hint",
            "pipelineTriggers triggers",
            "cron spec",
            "scmGit branches browser doGenerateSubmoduleConfigurations extensions gitTool submoduleCfg userRemoteConfigs",
        };
        for (String s : steps) STEPS.put(s.split(" ")[0], s);
        for (String s : symbols) SYMBOLS.put(s.split(" ")[0], s);
    }

    static boolean takesBody(String step) { return STEPS.get(step).contains("{}"); }

    /** Arguments by name; a single value stands for the first parameter. */
    static Map<String, Object> named(Map<String, String> table, String name, Object[] args) {
        List<String> parameters = new ArrayList<>(Arrays.asList(table.get(name).split(" ")));
        parameters.remove(0);
        parameters.remove("{}");
        Map<String, Object> found = new LinkedHashMap<>();
        int n = args.length;
        if (n > 0 && args[n - 1] instanceof groovy.lang.Closure && table == STEPS && takesBody(name)) found.put("{}", args[--n]);
        if (name.equals("parallel")) {
            if (n != 1 || !(args[0] instanceof Map)) throw new IllegalArgumentException("parallel takes a map of closures");
            found.put("branches", args[0]);
            return found;
        }
        if (n == 1 && args[0] instanceof Map && !(parameters.size() == 1 && !((Map<?, ?>) args[0]).containsKey(parameters.get(0)))) {
            for (Map.Entry<?, ?> e : ((Map<?, ?>) args[0]).entrySet()) {
                String key = String.valueOf(e.getKey());
                if (!parameters.contains(key)) throw new IllegalArgumentException("WARNING: Unknown parameter(s) found for " + name + ": " + key);
                found.put(key, plain(e.getValue()));
            }
        } else if (n == 1 && !parameters.isEmpty()) found.put(parameters.get(0), plain(args[0]));
        else if (n != 0) throw new IllegalArgumentException("Expected named arguments but got " + Arrays.toString(args) + " for " + name);
        return found;
    }

    private static Object plain(Object v) { return v instanceof groovy.lang.GString ? v.toString() : v; }
}
