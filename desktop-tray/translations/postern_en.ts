<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en">
<context>
    <name>Wording</name>
    <message numerus="yes">
        <source>%n service(s) connected</source>
        <translation>
            <numerusform>%n service connected</numerusform>
            <numerusform>%n services connected</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n open connection(s)</source>
        <translation>
            <numerusform>%n open connection</numerusform>
            <numerusform>%n open connections</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>postern::tray::ServicePane</name>
    <message numerus="yes">
        <source>%n open connection(s) end then.</source>
        <translation>
            <numerusform>%n open connection ends then.</numerusform>
            <numerusform>%n open connections end then.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>postern::tray::TrayMenu</name>
    <message numerus="yes">
        <source>%n more in the window …</source>
        <translation>
            <numerusform>%n more in the window …</numerusform>
            <numerusform>%n more in the window …</numerusform>
        </translation>
    </message>
</context>
</TS>
