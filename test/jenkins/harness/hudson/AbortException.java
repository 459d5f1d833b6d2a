package hudson;

/** As in Jenkins core: a step failed in a way that needs no trace. */
public class AbortException extends java.io.IOException {
    public AbortException(String message) { super(message); }
}
