<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
<context>
    <name>Notices</name>
    <message>
        <source>%1: connection closed</source>
        <translation>%1: Verbindung beendet</translation>
    </message>
    <message>
        <source>%1: access refused</source>
        <translation>%1: Zugang verweigert</translation>
    </message>
    <message>
        <source>Connection lost</source>
        <translation>Verbindung verloren</translation>
    </message>
    <message>
        <source>The gateway cannot be reached. Postern goes on trying and says when it is back.</source>
        <translation>Das Gateway ist nicht zu erreichen. Postern versucht es weiter und meldet, wenn es wieder da ist.</translation>
    </message>
    <message>
        <source>Connection is back</source>
        <translation>Verbindung ist wieder da</translation>
    </message>
    <message>
        <source>The gateway can be reached again.</source>
        <translation>Das Gateway ist wieder zu erreichen.</translation>
    </message>
    <message>
        <source>Your login ends in %1</source>
        <translation>Ihre Anmeldung endet in %1</translation>
    </message>
    <message>
        <source>%1: connection lost</source>
        <translation>%1: Verbindung verloren</translation>
    </message>
    <message>
        <source>A program waits for you to sign in</source>
        <translation>Ein Programm wartet auf Ihre Anmeldung</translation>
    </message>
    <message>
        <source>It goes on as soon as you have.</source>
        <translation>Es geht weiter, sobald Sie angemeldet sind.</translation>
    </message>
    <message>
        <source>Sign in again before then to go on without a break.</source>
        <translation>Melden Sie sich vorher neu an, um ohne Unterbrechung weiterzuarbeiten.</translation>
    </message>
</context>
<context>
    <name>Wording</name>
    <message>
        <source>You are not signed in.</source>
        <translation>Sie sind nicht angemeldet.</translation>
    </message>
    <message>
        <source>Sign in, then try again.</source>
        <translation>Melden Sie sich an und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Your login has ended.</source>
        <translation>Ihre Anmeldung ist zu Ende.</translation>
    </message>
    <message>
        <source>Sign in again to go on.</source>
        <translation>Melden Sie sich neu an, um weiterzuarbeiten.</translation>
    </message>
    <message>
        <source>Your login ends soon.</source>
        <translation>Ihre Anmeldung endet bald.</translation>
    </message>
    <message>
        <source>Your certificate has expired.</source>
        <translation>Ihr Zertifikat ist abgelaufen.</translation>
    </message>
    <message>
        <source>Sign in again to get a new one.</source>
        <translation>Melden Sie sich neu an, um ein neues zu bekommen.</translation>
    </message>
    <message>
        <source>That name or password is not right.</source>
        <translation>Name oder Passwort stimmt nicht.</translation>
    </message>
    <message>
        <source>Check both and try again.</source>
        <translation>Prüfen Sie beides und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Your certificate was revoked.</source>
        <translation>Ihr Zertifikat wurde gesperrt.</translation>
    </message>
    <message>
        <source>Sign in again. If that is refused, ask your administrator.</source>
        <translation>Melden Sie sich neu an. Wird das verweigert, fragen Sie Ihre Administration.</translation>
    </message>
    <message>
        <source>Your account is disabled.</source>
        <translation>Ihr Konto ist gesperrt.</translation>
    </message>
    <message>
        <source>Ask your administrator.</source>
        <translation>Fragen Sie Ihre Administration.</translation>
    </message>
    <message>
        <source>You may not use this service.</source>
        <translation>Sie dürfen diesen Dienst nicht benutzen.</translation>
    </message>
    <message>
        <source>Ask your administrator for access; the connection id helps them to find the refusal.</source>
        <translation>Bitten Sie Ihre Administration um Zugang; mit der Verbindungsnummer findet sie die Ablehnung.</translation>
    </message>
    <message>
        <source>The gateway knows no such service.</source>
        <translation>Das Gateway kennt diesen Dienst nicht.</translation>
    </message>
    <message>
        <source>Refresh the list of services.</source>
        <translation>Laden Sie die Liste der Dienste neu.</translation>
    </message>
    <message>
        <source>Too many connections are open.</source>
        <translation>Es sind zu viele Verbindungen offen.</translation>
    </message>
    <message>
        <source>Close some, then try again.</source>
        <translation>Schließen Sie einige und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The database user is not your login name.</source>
        <translation>Der Datenbankbenutzer ist nicht Ihr Anmeldename.</translation>
    </message>
    <message>
        <source>Connect with your own name.</source>
        <translation>Verbinden Sie sich mit Ihrem eigenen Namen.</translation>
    </message>
    <message>
        <source>The local port is taken by another program.</source>
        <translation>Den lokalen Port hat ein anderes Programm.</translation>
    </message>
    <message>
        <source>Choose another port, or end that program.</source>
        <translation>Wählen Sie einen anderen Port oder beenden Sie jenes Programm.</translation>
    </message>
    <message>
        <source>The gateway cannot be reached.</source>
        <translation>Das Gateway ist nicht zu erreichen.</translation>
    </message>
    <message>
        <source>Check your network or VPN, then try again.</source>
        <translation>Prüfen Sie Netz oder VPN und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The database cannot be reached from the gateway.</source>
        <translation>Das Gateway erreicht die Datenbank nicht.</translation>
    </message>
    <message>
        <source>Try again in a moment; then tell your administrator.</source>
        <translation>Versuchen Sie es gleich noch einmal; sagen Sie es dann Ihrer Administration.</translation>
    </message>
    <message>
        <source>The database did not answer in time.</source>
        <translation>Die Datenbank hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
        <source>The server is not the one that it should be.</source>
        <translation>Der Server ist nicht der, der er sein soll.</translation>
    </message>
    <message>
        <source>Do not go on. Tell your administrator.</source>
        <translation>Fahren Sie nicht fort. Sagen Sie es Ihrer Administration.</translation>
    </message>
    <message>
        <source>The gateway has not heard from the CA for too long.</source>
        <translation>Das Gateway hat zu lange nichts von der CA gehört.</translation>
    </message>
    <message>
        <source>The gateway is shutting down.</source>
        <translation>Das Gateway wird gerade beendet.</translation>
    </message>
    <message>
        <source>Try again in a moment.</source>
        <translation>Versuchen Sie es gleich noch einmal.</translation>
    </message>
    <message>
        <source>Something went wrong (%1).</source>
        <translation>Etwas ging schief (%1).</translation>
    </message>
    <message>
        <source>A program</source>
        <translation>Ein Programm</translation>
    </message>
    <message>
        <source>Connected</source>
        <translation>Verbunden</translation>
    </message>
    <message>
        <source>Disconnected</source>
        <translation>Getrennt</translation>
    </message>
    <message>
        <source>%1 opened a connection</source>
        <translation>%1 hat eine Verbindung geöffnet</translation>
    </message>
    <message>
        <source>%1 closed its connection</source>
        <translation>%1 hat die Verbindung geschlossen</translation>
    </message>
    <message>
        <source>Refused</source>
        <translation>Verweigert</translation>
    </message>
    <message>
        <source>Connection cut</source>
        <translation>Verbindung getrennt</translation>
    </message>
    <message>
        <source>Signed in</source>
        <translation>Angemeldet</translation>
    </message>
    <message>
        <source>Signed out</source>
        <translation>Abgemeldet</translation>
    </message>
    <message>
        <source>Certificate renewed</source>
        <translation>Zertifikat erneuert</translation>
    </message>
    <message>
        <source>Certificate not renewed</source>
        <translation>Zertifikat nicht erneuert</translation>
    </message>
    <message>
        <source>Gateway lost</source>
        <translation>Gateway verloren</translation>
    </message>
    <message>
        <source>Gateway is back</source>
        <translation>Gateway ist wieder da</translation>
    </message>
    <message>
        <source>Connecting …</source>
        <translation>Verbindet …</translation>
    </message>
    <message>
        <source>Connected on localhost:%1</source>
        <translation>Verbunden auf localhost:%1</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>No longer allowed for you</source>
        <translation>Für Sie nicht mehr erlaubt</translation>
    </message>
    <message>
        <source>The agent does not run</source>
        <translation>Der Agent läuft nicht</translation>
    </message>
    <message>
        <source>Not set up yet</source>
        <translation>Noch nicht eingerichtet</translation>
    </message>
    <message>
        <source>Needs attention</source>
        <translation>Braucht Aufmerksamkeit</translation>
    </message>
    <message>
        <source>Signed in as %1</source>
        <translation>Angemeldet als %1</translation>
    </message>
    <message numerus="yes">
        <source>%n service(s) connected</source>
        <translation>
            <numerusform>%n Dienst verbunden</numerusform>
            <numerusform>%n Dienste verbunden</numerusform>
        </translation>
    </message>
    <message>
        <source>no open connections</source>
        <translation>keine offenen Verbindungen</translation>
    </message>
    <message numerus="yes">
        <source>%n open connection(s)</source>
        <translation>
            <numerusform>%n offene Verbindung</numerusform>
            <numerusform>%n offene Verbindungen</numerusform>
        </translation>
    </message>
    <message>
        <source>now</source>
        <translation>jetzt</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>%1 min</source>
        <translation>%1 min</translation>
    </message>
    <message>
        <source>%1 h</source>
        <translation>%1 h</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 h %2 min</translation>
    </message>
    <message>
        <source>The CA service cannot be reached.</source>
        <translation>Der CA-Dienst ist nicht zu erreichen.</translation>
    </message>
    <message>
        <source>Sign in again now to go on without a break.</source>
        <translation>Melden Sie sich jetzt neu an, um ohne Unterbrechung weiterzuarbeiten.</translation>
    </message>
    <message>
        <source>The connection was lost.</source>
        <translation>Die Verbindung ging verloren.</translation>
    </message>
    <message>
        <source>Connect again in your program.</source>
        <translation>Verbinden Sie sich in Ihrem Programm neu.</translation>
    </message>
    <message>
        <source>The gateway did not answer in time.</source>
        <translation>Das Gateway hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
        <source>Port %1 is open, certificate not valid</source>
        <translation>Port %1 ist offen, Zertifikat nicht gültig</translation>
    </message>
    <message>
        <source>A connection was closed</source>
        <translation>Eine Verbindung wurde geschlossen</translation>
    </message>
    <message>
        <source>An administrator ended the connection.</source>
        <translation>Ein Administrator hat die Verbindung beendet.</translation>
    </message>
    <message>
        <source>Ask why before you connect again.</source>
        <translation>Fragen Sie nach dem Grund, bevor Sie sich neu verbinden.</translation>
    </message>
    <message>
        <source>Your certificate is not valid yet.</source>
        <translation>Ihr Zertifikat gilt noch nicht.</translation>
    </message>
    <message>
        <source>Check the clock of this computer.</source>
        <translation>Prüfen Sie die Uhr dieses Rechners.</translation>
    </message>
    <message>
        <source>The gateway lets nobody in now.</source>
        <translation>Das Gateway lässt zurzeit niemanden ein.</translation>
    </message>
    <message>
        <source>No secure connection could be made.</source>
        <translation>Es kam keine sichere Verbindung zustande.</translation>
    </message>
    <message>
        <source>The program may not use this port.</source>
        <translation>Das Programm darf diesen Port nicht benutzen.</translation>
    </message>
    <message>
        <source>It was not let in. The port is for your own programs, and those that are allowed.</source>
        <translation>Es wurde nicht eingelassen. Der Port ist nur für Ihre eigenen Programme und für solche, die erlaubt sind.</translation>
    </message>
    <message>
        <source>The other side did not answer in time.</source>
        <translation>Die Gegenseite hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
        <source>If it was the gateway: check your network or VPN, then try again.</source>
        <translation>Wenn es das Gateway war: Prüfen Sie Netzwerk oder VPN und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>The CA service cannot do this now.</source>
        <translation>Der CA-Dienst kann das gerade nicht.</translation>
    </message>
    <message>
        <source>The CA service was asked too often.</source>
        <translation>Der CA-Dienst wurde zu oft gefragt.</translation>
    </message>
    <message>
        <source>Wait a moment, then try again.</source>
        <translation>Warten Sie einen Augenblick und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>That cannot be done now.</source>
        <translation>Das geht gerade nicht.</translation>
    </message>
    <message>
        <source>No CA service is known yet.</source>
        <translation>Es ist noch kein CA-Dienst bekannt.</translation>
    </message>
    <message>
        <source>Enter its address and compare its fingerprint.</source>
        <translation>Geben Sie seine Adresse ein und vergleichen Sie seinen Fingerabdruck.</translation>
    </message>
    <message>
        <source>No certificate was shown.</source>
        <translation>Es wurde kein Zertifikat gezeigt.</translation>
    </message>
    <message>
        <source>Sign in again. If that does not help, tell your administrator.</source>
        <translation>Melden Sie sich neu an. Wenn das nicht hilft, sagen Sie es Ihrer Administration.</translation>
    </message>
    <message>
        <source>A certificate cannot be read.</source>
        <translation>Ein Zertifikat ist nicht lesbar.</translation>
    </message>
    <message>
        <source>A certificate comes from an authority that is not trusted.</source>
        <translation>Ein Zertifikat kommt von einer Stelle, der nicht vertraut wird.</translation>
    </message>
    <message>
        <source>A certificate is signed by itself.</source>
        <translation>Ein Zertifikat ist von sich selbst unterschrieben.</translation>
    </message>
    <message>
        <source>A certificate is not meant for this.</source>
        <translation>Ein Zertifikat ist nicht hierfür bestimmt.</translation>
    </message>
    <message>
        <source>What was asked for cannot be understood.</source>
        <translation>Die Anfrage ist nicht zu verstehen.</translation>
    </message>
    <message>
        <source>Check which program connects, and how.</source>
        <translation>Prüfen Sie, welches Programm sich verbindet und wie.</translation>
    </message>
    <message>
        <source>What was asked for is too large.</source>
        <translation>Die Anfrage ist zu groß.</translation>
    </message>
    <message>
        <source>The other side does not speak TLS.</source>
        <translation>Die Gegenseite spricht kein TLS.</translation>
    </message>
    <message>
        <source>Check your network or VPN, and which program connects.</source>
        <translation>Prüfen Sie Netzwerk oder VPN und welches Programm sich verbindet.</translation>
    </message>
    <message>
        <source>The other side speaks no version of TLS that is allowed.</source>
        <translation>Die Gegenseite spricht keine TLS-Version, die erlaubt ist.</translation>
    </message>
    <message>
        <source>Tell your administrator.</source>
        <translation>Sagen Sie es Ihrer Administration.</translation>
    </message>
    <message>
        <source>The database refuses encryption.</source>
        <translation>Die Datenbank lehnt Verschlüsselung ab.</translation>
    </message>
    <message>
        <source>That was ended before it was done.</source>
        <translation>Das wurde vorzeitig beendet.</translation>
    </message>
    <message>
        <source>A setting is not right.</source>
        <translation>Eine Einstellung stimmt nicht.</translation>
    </message>
    <message>
        <source>Mend it, then try again.</source>
        <translation>Berichtigen Sie sie und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>Something could not be read or written.</source>
        <translation>Etwas ließ sich nicht lesen oder schreiben.</translation>
    </message>
    <message>
        <source>Is the disk full, or the folder another user&apos;s? Mend that, then try again.</source>
        <translation>Ist der Datenträger voll, oder gehört der Ordner jemand anderem? Beheben Sie das und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>That is not there.</source>
        <translation>Das gibt es nicht.</translation>
    </message>
    <message>
        <source>That is there already.</source>
        <translation>Das gibt es schon.</translation>
    </message>
    <message>
        <source>Use it, or choose another name.</source>
        <translation>Benutzen Sie es oder wählen Sie einen anderen Namen.</translation>
    </message>
    <message>
        <source>Something went wrong inside Postern.</source>
        <translation>In Postern ist etwas schiefgegangen.</translation>
    </message>
    <message>
        <source>The CA does not list this service.</source>
        <translation>Die CA führt diesen Dienst nicht.</translation>
    </message>
    <message>
        <source>Ask your administrator to list it.</source>
        <translation>Bitten Sie Ihre Administration, ihn aufzunehmen.</translation>
    </message>
    <message>
        <source>The gateway says something else of this service than the CA.</source>
        <translation>Das Gateway sagt über diesen Dienst etwas anderes als die CA.</translation>
    </message>
    <message>
        <source>Nothing was opened. Tell your administrator.</source>
        <translation>Es wurde nichts geöffnet. Sagen Sie es Ihrer Administration.</translation>
    </message>
    <message>
        <source>English</source>
        <extracomment>The name of the language that these texts are translated to, in English: &quot;German&quot;, &quot;French&quot;.</extracomment>
        <translation>German</translation>
    </message>
    <message>
        <source>In the program&apos;s own words: %1</source>
        <translation>Im Wortlaut des Programms (englisch): %1</translation>
    </message>
    <message>
        <source>There are no file descriptors or memory left.</source>
        <translation>Es sind keine Dateideskriptoren oder kein Speicher mehr frei.</translation>
    </message>
    <message>
        <source>Close programs or connections, then try again.</source>
        <translation>Schließen Sie Programme oder Verbindungen und versuchen Sie es dann noch einmal.</translation>
    </message>
</context>
<context>
    <name>main</name>
    <message>
        <source>Connects you to databases through Postern.</source>
        <translation>Verbindet Sie über Postern mit Datenbanken.</translation>
    </message>
    <message>
        <source>Start with the icon in the tray alone; without a tray, with the window.</source>
        <translation>Startet nur mit dem Symbol in der Leiste; ohne Leiste mit dem Fenster.</translation>
    </message>
    <message>
        <source>postern://connect/SERVICE: asks whether to connect.</source>
        <translation>postern://connect/DIENST: fragt, ob verbunden werden soll.</translation>
    </message>
</context>
<context>
    <name>postern::tray::AgentClient</name>
    <message>
        <source>Log in to the desktop through the login screen, or set XDG_RUNTIME_DIR.</source>
        <translation>Melden Sie sich über den Anmeldebildschirm am Desktop an oder setzen Sie XDG_RUNTIME_DIR.</translation>
    </message>
    <message>
        <source>Another user&apos;s program answers on the agent&apos;s socket.</source>
        <translation>Am Socket des Agenten antwortet das Programm eines anderen Benutzers.</translation>
    </message>
    <message>
        <source>Remove %1, then try again.</source>
        <translation>Löschen Sie %1 und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The agent is of another version than this window.</source>
        <translation>Der Agent hat eine andere Version als dieses Fenster.</translation>
    </message>
    <message>
        <source>Install postern and postern-tray of the same version, then restart both.</source>
        <translation>Installieren Sie postern und postern-tray in derselben Version und starten Sie beide neu.</translation>
    </message>
    <message>
        <source>The agent does not answer.</source>
        <translation>Der Agent antwortet nicht.</translation>
    </message>
    <message>
        <source>Try again in a moment.</source>
        <translation>Versuchen Sie es gleich noch einmal.</translation>
    </message>
    <message>
        <source>Postern&apos;s agent could not be started.</source>
        <translation>Der Agent von Postern ließ sich nicht starten.</translation>
    </message>
    <message>
        <source>Postern&apos;s agent does not run.</source>
        <translation>Der Agent von Postern läuft nicht.</translation>
    </message>
    <message>
        <source>Type “postern agent” in a terminal to read why.</source>
        <translation>Geben Sie „postern agent“ in einem Terminal ein, um den Grund zu lesen.</translation>
    </message>
    <message>
        <source>The program “postern” is not installed beside this one, nor on PATH. Install it, then try again.</source>
        <translation>Das Programm „postern“ liegt weder neben diesem noch im PATH. Installieren Sie es und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The agent took too long to answer.</source>
        <translation>Der Agent hat zu lange für eine Antwort gebraucht.</translation>
    </message>
    <message>
        <source>Try again; “postern status” in a terminal tells more.</source>
        <translation>Versuchen Sie es noch einmal; „postern status“ im Terminal sagt mehr.</translation>
    </message>
    <message>
        <source>Neither XDG_RUNTIME_DIR nor HOME is set: there is no place for the agent&apos;s socket.</source>
        <translation>Weder XDG_RUNTIME_DIR noch HOME ist gesetzt: Für den Socket des Agenten fehlt der Platz.</translation>
    </message>
</context>
<context>
    <name>postern::tray::CertificatePane</name>
    <message>
        <source>Time left of the certificate</source>
        <translation>Restzeit des Zertifikats</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Groups</source>
        <translation>Gruppen</translation>
    </message>
    <message>
        <source>Valid from</source>
        <translation>Gültig ab</translation>
    </message>
    <message>
        <source>Valid until</source>
        <translation>Gültig bis</translation>
    </message>
    <message>
        <source>Signed in until</source>
        <translation>Angemeldet bis</translation>
    </message>
    <message>
        <source>Serial number</source>
        <translation>Seriennummer</translation>
    </message>
    <message>
        <source>Issuer</source>
        <translation>Aussteller</translation>
    </message>
    <message>
        <source>CA service</source>
        <translation>CA-Dienst</translation>
    </message>
    <message>
        <source>CA fingerprint</source>
        <translation>Fingerabdruck der CA</translation>
    </message>
    <message>
        <source>path of the certificate</source>
        <translation>Pfad des Zertifikats</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Revoked</source>
        <translation>Gesperrt</translation>
    </message>
    <message>
        <source>Expired</source>
        <translation>Abgelaufen</translation>
    </message>
    <message>
        <source>%1 left</source>
        <translation>Noch %1</translation>
    </message>
    <message>
        <source>This certificate is no longer accepted anywhere. Sign in again.</source>
        <translation>Dieses Zertifikat wird nirgends mehr angenommen. Melden Sie sich neu an.</translation>
    </message>
    <message>
        <source>Sign in to get a new certificate.</source>
        <translation>Melden Sie sich an, um ein neues Zertifikat zu bekommen.</translation>
    </message>
    <message>
        <source>A new certificate is on its way.</source>
        <translation>Ein neues Zertifikat ist unterwegs.</translation>
    </message>
    <message>
        <source>Renewed by itself until your login ends, at %1.</source>
        <translation>Erneuert sich von selbst, bis Ihre Anmeldung um %1 endet.</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
</context>
<context>
    <name>postern::tray::CopyLine</name>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
    <message>
        <source>Copy %1</source>
        <translation>%1 kopieren</translation>
    </message>
</context>
<context>
    <name>postern::tray::EventsPane</name>
    <message>
        <source>When</source>
        <translation>Wann</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>What happened</source>
        <translation>Was geschah</translation>
    </message>
    <message>
        <source>Recent events</source>
        <translation>Letzte Ereignisse</translation>
    </message>
    <message>
        <source>connection id</source>
        <translation>Verbindungsnummer</translation>
    </message>
    <message>
        <source>&amp;Only %1</source>
        <translation>&amp;Nur %1</translation>
    </message>
</context>
<context>
    <name>postern::tray::MainWindow</name>
    <message>
        <source>Sign &amp;in …</source>
        <translation>&amp;Anmelden …</translation>
    </message>
    <message>
        <source>Sign &amp;out</source>
        <translation>Ab&amp;melden</translation>
    </message>
    <message>
        <source>&amp;Refresh services</source>
        <translation>Dienste &amp;neu laden</translation>
    </message>
    <message>
        <source>&amp;Find</source>
        <translation>&amp;Suchen</translation>
    </message>
    <message>
        <source>&amp;Settings …</source>
        <translation>&amp;Einstellungen …</translation>
    </message>
    <message>
        <source>Close &amp;window</source>
        <translation>&amp;Fenster schließen</translation>
    </message>
    <message>
        <source>&amp;Quit (connections stay open)</source>
        <translation>&amp;Beenden (Verbindungen bleiben)</translation>
    </message>
    <message>
        <source>A link was opened</source>
        <translation>Ein Link wurde geöffnet</translation>
    </message>
    <message>
        <source>There is no service “%1” for you.</source>
        <translation>Es gibt für Sie keinen Dienst „%1“.</translation>
    </message>
    <message>
        <source>Sign in first, then open the link again.</source>
        <translation>Melden Sie sich zuerst an und öffnen Sie den Link dann noch einmal.</translation>
    </message>
    <message>
        <source>Cl&amp;ose</source>
        <translation>S&amp;chließen</translation>
    </message>
    <message>
        <source>Connect to “%1”?</source>
        <translation>Mit „%1“ verbinden?</translation>
    </message>
    <message>
        <source>A link asks for it. Go on only if you opened that link yourself.</source>
        <translation>Ein Link bittet darum. Fahren Sie nur fort, wenn Sie ihn selbst geöffnet haben.</translation>
    </message>
    <message>
        <source>&amp;Connect</source>
        <translation>&amp;Verbinden</translation>
    </message>
    <message>
        <source>C&amp;ancel</source>
        <translation>&amp;Abbrechen</translation>
    </message>
    <message>
        <source>psql</source>
        <translation>psql</translation>
    </message>
    <message>
        <source>No terminal program was found.</source>
        <translation>Es wurde kein Terminalprogramm gefunden.</translation>
    </message>
    <message>
        <source>Install one (for example gnome-terminal or xterm), or copy the psql command.</source>
        <translation>Installieren Sie eines (etwa gnome-terminal oder xterm) oder kopieren Sie den psql-Befehl.</translation>
    </message>
    <message>
        <source>Whether there is a service “%1” for you is not known yet.</source>
        <translation>Ob es für Sie einen Dienst „%1“ gibt, ist noch nicht bekannt.</translation>
    </message>
    <message>
        <source>The gateways have not answered yet. Try again in a moment.</source>
        <translation>Die Gateways haben noch nicht geantwortet. Versuchen Sie es gleich noch einmal.</translation>
    </message>
</context>
<context>
    <name>postern::tray::MessagePage</name>
    <message>
        <source>&amp;Try again</source>
        <translation>&amp;Noch einmal</translation>
    </message>
    <message>
        <source>Starting Postern …</source>
        <translation>Postern startet …</translation>
    </message>
    <message>
        <source>Postern&apos;s agent keeps your connections. It is being started.</source>
        <translation>Der Agent von Postern hält Ihre Verbindungen. Er wird gerade gestartet.</translation>
    </message>
</context>
<context>
    <name>postern::tray::NoticeBox</name>
    <message>
        <source>connection id</source>
        <translation>Verbindungsnummer</translation>
    </message>
</context>
<context>
    <name>postern::tray::Notifier</name>
    <message>
        <source>Open Postern</source>
        <translation>Postern öffnen</translation>
    </message>
</context>
<context>
    <name>postern::tray::Page</name>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
</context>
<context>
    <name>postern::tray::ServicePane</name>
    <message>
        <source>Local &amp;port</source>
        <translation>Lokaler &amp;Port</translation>
    </message>
    <message>
        <source>a free one</source>
        <translation>ein freier</translation>
    </message>
    <message>
        <source>Programs on this computer connect to localhost and this port. It is remembered.</source>
        <translation>Programme auf diesem Rechner verbinden sich mit localhost und diesem Port. Er wird gemerkt.</translation>
    </message>
    <message>
        <source>&amp;Encryption</source>
        <translation>Verschlüssel&amp;ung</translation>
    </message>
    <message>
        <source>Connect when Postern starts</source>
        <translation>Beim Start von Postern verbinden</translation>
    </message>
    <message>
        <source>Traffic</source>
        <translation>Verkehr</translation>
    </message>
    <message>
        <source>psql command</source>
        <translation>psql-Befehl</translation>
    </message>
    <message>
        <source>JDBC URL</source>
        <translation>JDBC-URL</translation>
    </message>
    <message>
        <source>DSN</source>
        <translation>DSN</translation>
    </message>
    <message>
        <source>Environment</source>
        <translation>Umgebung</translation>
    </message>
    <message>
        <source>Commands to copy appear here once it is connected.</source>
        <translation>Befehle zum Kopieren erscheinen hier, sobald verbunden ist.</translation>
    </message>
    <message>
        <source>Open psq&amp;l in a terminal</source>
        <translation>psq&amp;l im Terminal öffnen</translation>
    </message>
    <message>
        <source>Remove from favourites</source>
        <translation>Aus den Favoriten nehmen</translation>
    </message>
    <message>
        <source>Add to favourites</source>
        <translation>Zu den Favoriten</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>&amp;Disconnect</source>
        <translation>&amp;Trennen</translation>
    </message>
    <message>
        <source>&amp;Connect again</source>
        <translation>Neu &amp;verbinden</translation>
    </message>
    <message>
        <source>&amp;Connect</source>
        <translation>&amp;Verbinden</translation>
    </message>
    <message>
        <source>By Postern (any program works)</source>
        <translation>Durch Postern (für jedes Programm)</translation>
    </message>
    <message>
        <source>By the program itself</source>
        <translation>Durch das Programm selbst</translation>
    </message>
    <message>
        <source>Disconnect to change this.</source>
        <translation>Trennen Sie, um das zu ändern.</translation>
    </message>
    <message>
        <source>Connect first.</source>
        <translation>Zuerst verbinden.</translation>
    </message>
    <message>
        <source>%1 · %2 received · %3 sent</source>
        <translation>%1 · %2 empfangen · %3 gesendet</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>Open on localhost:%1, last connection refused</source>
        <translation>Offen auf localhost:%1, letzte Verbindung verweigert</translation>
    </message>
    <message>
        <source>Move “%1” to port %2?</source>
        <translation>„%1“ auf Port %2 umziehen?</translation>
    </message>
    <message numerus="yes">
        <source>%n open connection(s) end then.</source>
        <translation>
            <numerusform>Dabei endet %n offene Verbindung.</numerusform>
            <numerusform>Dabei enden %n offene Verbindungen.</numerusform>
        </translation>
    </message>
    <message>
        <source>&amp;Move</source>
        <translation>&amp;Umziehen</translation>
    </message>
    <message>
        <source>C&amp;ancel</source>
        <translation>&amp;Abbrechen</translation>
    </message>
    <message>
        <source>The CA does not list “%1”. Connect all the same?</source>
        <translation>Die CA führt „%1“ nicht. Trotzdem verbinden?</translation>
    </message>
    <message>
        <source>Postern cannot check who answers, and does not encrypt: whoever runs the gateway can read and change what your program does not encrypt by itself.</source>
        <translation>Postern kann nicht prüfen, wer antwortet, und verschlüsselt nicht: Wer das Gateway betreibt, kann lesen und ändern, was Ihr Programm nicht selbst verschlüsselt.</translation>
    </message>
    <message>
        <source>&amp;Pass through</source>
        <translation>&amp;Durchreichen</translation>
    </message>
</context>
<context>
    <name>postern::tray::ServicesPage</name>
    <message>
        <source>Filter services</source>
        <translation>Dienste filtern</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Connec&amp;tion</source>
        <translation>Ver&amp;bindung</translation>
    </message>
    <message>
        <source>Certi&amp;ficate</source>
        <translation>&amp;Zertifikat</translation>
    </message>
    <message>
        <source>E&amp;vents</source>
        <translation>Er&amp;eignisse</translation>
    </message>
    <message>
        <source>Choose a service at the left.</source>
        <translation>Wählen Sie links einen Dienst.</translation>
    </message>
    <message>
        <source>Certificate valid for %1 · signed in until %2</source>
        <translation>Zertifikat noch %1 gültig · angemeldet bis %2</translation>
    </message>
    <message>
        <source>Not signed in any more</source>
        <translation>Nicht mehr angemeldet</translation>
    </message>
    <message>
        <source>Signed out</source>
        <translation>Abgemeldet</translation>
    </message>
    <message>
        <source>Sign &amp;in again</source>
        <translation>Neu &amp;anmelden</translation>
    </message>
    <message>
        <source>No service is open to you yet.
Ask your administrator for access.</source>
        <translation>Noch steht Ihnen kein Dienst offen.
Bitten Sie Ihre Administration um Zugang.</translation>
    </message>
    <message>
        <source>Nothing matches “%1”.</source>
        <translation>Nichts passt zu „%1“.</translation>
    </message>
    <message>
        <source>Certificate is being renewed …</source>
        <translation>Zertifikat wird erneuert …</translation>
    </message>
    <message>
        <source>Certificate has expired</source>
        <translation>Zertifikat ist abgelaufen</translation>
    </message>
    <message>
        <source>Asking the gateways which services are open to you …</source>
        <translation>Die Gateways werden gefragt, welche Dienste Ihnen offenstehen …</translation>
    </message>
</context>
<context>
    <name>postern::tray::SetUpPage</name>
    <message>
        <source>Address of the &amp;CA service</source>
        <translation>Adresse des &amp;CA-Dienstes</translation>
    </message>
    <message>
        <source>C&amp;ontinue</source>
        <translation>&amp;Weiter</translation>
    </message>
    <message>
        <source>Fingerprint of the CA</source>
        <translation>Fingerabdruck der CA</translation>
    </message>
    <message>
        <source>&amp;Paste the fingerprint that you were given, or compare by eye</source>
        <translation>&amp;Fügen Sie den Fingerabdruck ein, den Sie bekommen haben, oder vergleichen Sie mit den Augen</translation>
    </message>
    <message>
        <source>I compared them: they are the &amp;same</source>
        <translation>Ich habe verglichen: Sie sind &amp;gleich</translation>
    </message>
    <message>
        <source>&amp;Trust this CA</source>
        <translation>Dieser CA &amp;vertrauen</translation>
    </message>
    <message>
        <source>&amp;Back</source>
        <translation>&amp;Zurück</translation>
    </message>
    <message>
        <source>Welcome to Postern</source>
        <translation>Willkommen bei Postern</translation>
    </message>
    <message>
        <source>Postern opens your company&apos;s databases on this computer. Your administrator has told you the address of the CA service and its fingerprint.</source>
        <translation>Postern öffnet die Datenbanken Ihrer Firma auf diesem Rechner. Ihre Administration hat Ihnen die Adresse des CA-Dienstes und seinen Fingerabdruck genannt.</translation>
    </message>
    <message>
        <source>That is not the address of a CA service.</source>
        <translation>Das ist keine Adresse eines CA-Dienstes.</translation>
    </message>
    <message>
        <source>It looks like ca.example.org:7444.</source>
        <translation>Sie sieht aus wie ca.example.org:7444.</translation>
    </message>
    <message>
        <source>Is this the right CA?</source>
        <translation>Ist das die richtige CA?</translation>
    </message>
    <message>
        <source>Whoever answers at %1 shows this fingerprint. Go on only if it is the one that you were given.</source>
        <translation>Wer unter %1 antwortet, zeigt diesen Fingerabdruck. Fahren Sie nur fort, wenn es der ist, den Sie bekommen haben.</translation>
    </message>
    <message>
        <source>%1, valid until %2</source>
        <translation>%1, gültig bis %2</translation>
    </message>
    <message>
        <source>They are the same.</source>
        <translation>Sie sind gleich.</translation>
    </message>
    <message>
        <source>They differ. Do not go on: this may be somebody else&apos;s server.</source>
        <translation>Sie sind verschieden. Fahren Sie nicht fort: Das kann ein fremder Server sein.</translation>
    </message>
    <message>
        <source>This is not a whole fingerprint: 64 digits and letters from A to F.</source>
        <translation>Das ist kein ganzer Fingerabdruck: 64 Ziffern und Buchstaben von A bis F.</translation>
    </message>
    <message>
        <source>Asking …</source>
        <translation>Wird gefragt …</translation>
    </message>
</context>
<context>
    <name>postern::tray::SettingsDialog</name>
    <message>
        <source>Start Postern when I &amp;log in</source>
        <translation>Postern bei der Anmeldung am &amp;Desktop starten</translation>
    </message>
    <message>
        <source>Show &amp;notifications</source>
        <translation>&amp;Mitteilungen zeigen</translation>
    </message>
    <message>
        <source>Your services appear here once you have signed in.</source>
        <translation>Ihre Dienste erscheinen hier, sobald Sie angemeldet sind.</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation>Wie der Desktop</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>&amp;Colours</source>
        <translation>&amp;Farben</translation>
    </message>
    <message>
        <source>&amp;Connect when Postern starts</source>
        <translation>Beim Start von Postern &amp;verbinden</translation>
    </message>
    <message>
        <source>Services to connect when Postern starts</source>
        <translation>Dienste, die beim Start von Postern verbunden werden</translation>
    </message>
    <message>
        <source>Only when you must do something, or lost a connection.</source>
        <translation>Nur wenn Sie etwas tun müssen oder eine Verbindung verloren ging.</translation>
    </message>
    <message>
        <source>Cl&amp;ose</source>
        <translation>S&amp;chließen</translation>
    </message>
</context>
<context>
    <name>postern::tray::SignInPage</name>
    <message>
        <source>&amp;Sign in</source>
        <translation>&amp;Anmelden</translation>
    </message>
    <message>
        <source>&amp;Back</source>
        <translation>&amp;Zurück</translation>
    </message>
    <message>
        <source>Sign in</source>
        <translation>Anmelden</translation>
    </message>
    <message>
        <source>How to sign in</source>
        <translation>Art der Anmeldung</translation>
    </message>
    <message>
        <source>Once for all services of %1.</source>
        <translation>Einmal für alle Dienste von %1.</translation>
    </message>
    <message>
        <source>The CA offers no way to sign in that this window knows.</source>
        <translation>Die CA bietet keine Art der Anmeldung, die dieses Fenster kennt.</translation>
    </message>
    <message>
        <source>Update postern-tray, or sign in with “postern login”.</source>
        <translation>Aktualisieren Sie postern-tray oder melden Sie sich mit „postern login“ an.</translation>
    </message>
    <message>
        <source>&amp;Try again</source>
        <translation>&amp;Noch einmal</translation>
    </message>
    <message>
        <source>Signing in …</source>
        <translation>Anmeldung läuft …</translation>
    </message>
    <message>
        <source>Login name</source>
        <translation>Anmeldename</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>Passwort</translation>
    </message>
</context>
<context>
    <name>postern::tray::TrayMenu</name>
    <message>
        <source>%1 · %2 left</source>
        <translation>%1 · noch %2</translation>
    </message>
    <message numerus="yes">
        <source>%n more in the window …</source>
        <translation>
            <numerusform>%n weiterer im Fenster …</numerusform>
            <numerusform>%n weitere im Fenster …</numerusform>
        </translation>
    </message>
    <message>
        <source>Sign &amp;in …</source>
        <translation>&amp;Anmelden …</translation>
    </message>
    <message>
        <source>Sign &amp;out</source>
        <translation>Ab&amp;melden</translation>
    </message>
    <message>
        <source>&amp;Open Postern</source>
        <translation>&amp;Postern öffnen</translation>
    </message>
    <message>
        <source>&amp;Quit (connections stay open)</source>
        <translation>&amp;Beenden (Verbindungen bleiben)</translation>
    </message>
    <message>
        <source>%1 · localhost:%2</source>
        <translation>%1 · localhost:%2</translation>
    </message>
    <message>
        <source>%1 · failed</source>
        <translation>%1 · fehlgeschlagen</translation>
    </message>
    <message>
        <source>&amp;Disconnect</source>
        <translation>&amp;Trennen</translation>
    </message>
    <message>
        <source>&amp;Connect</source>
        <translation>&amp;Verbinden</translation>
    </message>
    <message>
        <source>Copy &amp;psql command</source>
        <translation>&amp;psql-Befehl kopieren</translation>
    </message>
    <message>
        <source>Port %1</source>
        <translation>Port %1</translation>
    </message>
</context>
<context>
    <name>postern::tray::TrayProgram</name>
    <message>
        <source>Connections lost</source>
        <translation>Verbindungen verloren</translation>
    </message>
    <message>
        <source>Postern&apos;s agent ended unexpectedly. It is started again, and the ports are opened anew.</source>
        <translation>Posterns Agent wurde unerwartet beendet. Er wird neu gestartet, und die Ports werden wieder geöffnet.</translation>
    </message>
</context>
</TS>
