import com.cloudbees.groovy.cps.Continuable;
import java.util.Random;

/**
 * Where Jenkins may go on with another branch: at the begin of every function, closure and loop body. With a seed it does so at random,
 * without one never.
 */
public final class Safepoints {
    static final String SWITCH = "another branch";
    static Random random;
    public static void safepoint() { if (random != null && random.nextInt(3) == 0) Continuable.suspend("safepoint", SWITCH); }
}
