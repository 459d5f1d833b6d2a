// Puts the signing key into the folder of the job that publishes, where no other job sees it. Configuration as code
// writes credentials for all of Jenkins only.
import com.cloudbees.hudson.plugins.folder.Folder
import com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider.FolderCredentialsProperty
import com.cloudbees.plugins.credentials.CredentialsScope
import com.cloudbees.plugins.credentials.SecretBytes
import com.cloudbees.plugins.credentials.domains.Domain
import com.cloudbees.plugins.credentials.domains.DomainCredentials
import hudson.util.Secret
import java.nio.file.Files
import java.nio.file.Path
import jenkins.model.Jenkins
import org.jenkinsci.plugins.plaincredentials.impl.FileCredentialsImpl
import org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl

def secrets = Path.of(System.getenv('SECRETS') ?: '/run/secrets')
// A file, as on one machine and on EC2, or the environment, as on ECS.
def secret = { String name ->
    def file = secrets.resolve(name)
    Files.isReadable(file) ? Files.readAllBytes(file) : System.getenv(name)?.getBytes('UTF-8')
}
def folder = Jenkins.get().getItemByFullName("${System.getenv('SLIPWAY_ORGANIZATION')}/publish", Folder)
if (folder != null) {
    def property = folder.properties.get(FolderCredentialsProperty)
    if (property == null) {
        property = new FolderCredentialsProperty([] as DomainCredentials[])
        folder.addProperty(property)
    }
    def store = property.store
    def put = { credential ->
        def former = store.getCredentials(Domain.global()).find { it.id == credential.id }
        if (former == null) {
            store.addCredentials(Domain.global(), credential)
        } else {
            store.updateCredentials(Domain.global(), former, credential)
        }
    }
    byte[] key = secret('SIGNING_KEY')
    if (key != null) {
        put(new FileCredentialsImpl(CredentialsScope.GLOBAL, 'apt-key', 'Signs the apt repository', 'key.asc',
            SecretBytes.fromBytes(key)))
    }
    byte[] passphrase = secret('SIGNING_PASSPHRASE')
    if (passphrase != null) {
        put(new StringCredentialsImpl(CredentialsScope.GLOBAL, 'apt-passphrase', 'Passphrase of the signing key',
            Secret.fromString(new String(passphrase, 'UTF-8').trim())))
    }
}
