// Gives the agent of compose.yaml its secret, through a volume that only the two containers mount. Jenkins runs this
// after configuration as code, so the node is there.
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import jenkins.model.Jenkins

def folder = Path.of('/var/lib/slipway-agent')
def computer = Jenkins.get().getComputer('local')
if (computer != null && Files.isWritable(folder)) {
    def file = folder.resolve('secret')
    Files.deleteIfExists(file)
    Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString('rw-------')))
    Files.writeString(file, computer.jnlpMac)
}
