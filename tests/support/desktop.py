#!/usr/bin/python3
"""A desktop and the person at it, over D-Bus: what a panel, a notification server and a screen reader do.

  desktop.py host            is the tray (StatusNotifier) and shows notifications; says each as a line of JSON. The desktop
                             is light, and dark from SIGUSR1 on
  desktop.py tray            is the tray alone
  desktop.py notifications   shows notifications alone
  desktop.py item            the icon in the tray as JSON: tool tip, menu (labels; of those that open more, a pair)
  desktop.py choose LABEL…   the menu's entry at the end of those labels; a label may be cut short
  desktop.py screen          what can be seen, a line each: role, name, text
  desktop.py press NAME      a button or a box to tick
  desktop.py type NAME       into the field of that name, what standard input holds
"""
import json
import signal
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

PROPERTIES = 'org.freedesktop.DBus.Properties'
ITEM = 'org.kde.StatusNotifierItem'
MENU = 'com.canonical.dbusmenu'
WATCHER = 'org.kde.StatusNotifierWatcher'
NOTIFICATIONS = 'org.freedesktop.Notifications'
PORTAL = 'org.freedesktop.portal.Desktop'
SETTINGS = 'org.freedesktop.portal.Settings'
COLOR_SCHEME = 'org.freedesktop.appearance', 'color-scheme'
ACCESSIBLE = 'org.a11y.atspi.Accessible'
ENABLED, SHOWING = 8, 25  # AtspiStateType
PATIENCE = 10


class Watcher(dbus.service.Object):
    """The list of icons, and the claim that somebody shows them."""

    def __init__(self, bus):
        super().__init__(bus, '/StatusNotifierWatcher')
        self.bus = bus
        self.items = []

    @dbus.service.method(WATCHER, in_signature='s', sender_keyword='sender')
    def RegisterStatusNotifierItem(self, service, sender):
        name = sender if service.startswith('/') else service
        self.items.append((name, service if service.startswith('/') else '/StatusNotifierItem'))
        self.bus.watch_name_owner(sender, lambda owner: owner or self.forget(name))

    @dbus.service.method(WATCHER, in_signature='s')
    def RegisterStatusNotifierHost(self, service):
        pass

    @dbus.service.method(PROPERTIES, in_signature='ss', out_signature='v')
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(PROPERTIES, in_signature='s', out_signature='a{sv}')
    def GetAll(self, interface):
        items = [name + path for name, path in self.items]
        return {'IsStatusNotifierHostRegistered': True, 'ProtocolVersion': dbus.Int32(0),
                'RegisteredStatusNotifierItems': dbus.Array(items, signature='s')}

    # Programs that look before they ask see properties here alone.
    @dbus.service.method(dbus.INTROSPECTABLE_IFACE, out_signature='s')
    def Introspect(self):
        properties = ''.join(f'<property name="{name}" type="{kind}" access="read"/>' for name, kind in (
            ('IsStatusNotifierHostRegistered', 'b'), ('ProtocolVersion', 'i'), ('RegisteredStatusNotifierItems', 'as')))
        methods = ''.join(f'<method name="{name}"><arg type="s" direction="in"/></method>' for name in (
            'RegisterStatusNotifierItem', 'RegisterStatusNotifierHost'))
        return f'<node><interface name="{WATCHER}">{properties}{methods}</interface></node>'

    def forget(self, name):
        self.items = [item for item in self.items if item[0] != name]


class Notifications(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, '/org/freedesktop/Notifications')
        self.last = 0

    @dbus.service.method(NOTIFICATIONS, in_signature='susssasa{sv}i', out_signature='u')
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        print(json.dumps({'title': summary, 'text': body}, ensure_ascii=False), flush=True)
        self.last += 1
        return self.last

    @dbus.service.method(NOTIFICATIONS, in_signature='u')
    def CloseNotification(self, number):
        pass

    @dbus.service.method(NOTIFICATIONS, out_signature='as')
    def GetCapabilities(self):
        return ['body', 'actions']

    @dbus.service.method(NOTIFICATIONS, out_signature='ssss')
    def GetServerInformation(self):
        return 'desktop.py', 'Postern', '1', '1.2'


class Portal(dbus.service.Object):
    """Whether the desktop is light or dark."""

    def __init__(self, bus):
        super().__init__(bus, '/org/freedesktop/portal/desktop')
        self.scheme = 2

    @dbus.service.method(SETTINGS, in_signature='ss', out_signature='v')
    def Read(self, space, key):
        if (space, key) != COLOR_SCHEME:
            raise dbus.DBusException(name='org.freedesktop.portal.Error.NotFound')
        return dbus.UInt32(self.scheme, variant_level=1)

    @dbus.service.signal(SETTINGS, signature='ssv')
    def SettingChanged(self, space, key, value):
        pass

    def turn_dark(self):
        self.scheme = 1
        self.SettingChanged(*COLOR_SCHEME, dbus.UInt32(self.scheme))
        return True


def serve(bus, *objects):
    kept = [made(bus) for _, made in objects] + [dbus.service.BusName(name, bus) for name, _ in objects]
    print('hosting', flush=True)
    GLib.MainLoop().run()
    return kept


def host():
    DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    portal = Portal(bus)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, portal.turn_dark)
    return serve(bus, (WATCHER, Watcher), (NOTIFICATIONS, Notifications), (PORTAL, lambda _: portal))


def host_part(name, made):
    DBusGMainLoop(set_as_default=True)
    return serve(dbus.SessionBus(), (name, made))


class Icon:
    """The first one in the tray, as a panel sees it."""

    def __init__(self):
        self.bus = dbus.SessionBus()
        watcher = self.bus.get_object(WATCHER, '/StatusNotifierWatcher')
        items = watcher.Get(WATCHER, 'RegisteredStatusNotifierItems', dbus_interface=PROPERTIES, timeout=PATIENCE)
        if not items:
            sys.exit('desktop.py: no icon in the tray')
        self.name, path = items[0].split('/', 1)
        self.item = self.bus.get_object(self.name, '/' + path)

    def property(self, name):
        return self.item.Get(ITEM, name, dbus_interface=PROPERTIES, timeout=PATIENCE)

    def menu(self):
        return self.bus.get_object(self.name, self.property('Menu'))

    def layout(self):
        empty = dbus.Array([], signature='s')
        return self.menu().GetLayout(0, -1, empty, dbus_interface=MENU, timeout=PATIENCE)[1]

    @staticmethod
    def label(entry):
        return str(entry[1].get('label', '')).replace('__', '\0').replace('_', '').replace('\0', '_')

    def labels(self, entry):
        return [[self.label(child), self.labels(child)] if child[2] else self.label(child)
                for child in entry[2] if child[1].get('type') != 'separator']

    def choose(self, labels):
        entry = self.layout()
        for label in labels:
            found = [child for child in entry[2] if self.label(child).startswith(label)]
            if not found or not found[0][1].get('enabled', True):
                sys.exit(f'desktop.py: no entry {label} to choose among {self.labels(entry)}')
            entry = found[0]
        self.menu().Event(entry[0], 'clicked', dbus.Int32(0), dbus.UInt32(0), dbus_interface=MENU, timeout=PATIENCE)


class Thing:
    """Something that a screen reader knows of."""

    def __init__(self, bus, name, path):
        self.object = bus.get_object(name, path, introspect=False)
        self.bus = bus

    def ask(self, method, *arguments, of=ACCESSIBLE):
        return self.object.get_dbus_method(method, of)(*arguments, timeout=PATIENCE)

    def property(self, name, of=ACCESSIBLE):
        return str(self.object.Get(of, name, dbus_interface=PROPERTIES, timeout=PATIENCE))

    def children(self):
        return [Thing(self.bus, name, path) for name, path in self.ask('GetChildren')]

    def has(self, state):
        low, high = self.ask('GetState')
        return bool((low | high << 32) >> state & 1)

    def role(self):
        return str(self.ask('GetRoleName'))

    def name(self):
        return self.property('Name')

    def text(self):
        try:
            return str(self.ask('GetText', 0, -1, of='org.a11y.atspi.Text'))
        except dbus.DBusException:
            return ''


def things():
    """Everything that shows, of every program."""
    a11y = dbus.SessionBus().get_object('org.a11y.Bus', '/org/a11y/bus')
    bus = dbus.bus.BusConnection(str(a11y.GetAddress(dbus_interface='org.a11y.Bus', timeout=PATIENCE)))
    left = []
    for program in Thing(bus, 'org.a11y.atspi.Registry', '/org/a11y/atspi/accessible/root').children():
        left += program.children()
    while left:
        thing = left.pop(0)
        try:
            if not thing.has(SHOWING):
                continue
            left = thing.children() + left
        except dbus.DBusException:
            continue  # It went away meanwhile.
        yield thing


def thing_named(name, roles):
    """The first of these roles whose name begins so: a window that opened last stands in front of others."""
    seen = []
    for thing in things():
        role = thing.role()
        if role in roles:
            seen.append(thing.name())
            if seen[-1].replace('&', '').startswith(name):
                return thing
    sys.exit(f'desktop.py: no {" or ".join(roles)} {name} among {seen}')


def screen():
    for thing in things():
        try:
            name, text = thing.name(), thing.text()
            parts = [thing.role(), name] + ([text] if text and text != name else [])
        except dbus.DBusException:
            continue
        print('\t'.join(part.replace('\n', ' ') for part in parts))


def press(name):
    button = thing_named(name, ['push button', 'button', 'toggle button', 'check box'])
    if not button.has(ENABLED):
        sys.exit(f'desktop.py: {name} cannot be pressed now')
    button.ask('DoAction', 0, of='org.a11y.atspi.Action')


def type_into(name):
    field = thing_named(name, ['text', 'password text', 'entry'])
    if not field.ask('SetTextContents', sys.stdin.read(), of='org.a11y.atspi.EditableText'):
        sys.exit(f'desktop.py: {name} takes no text')


def main():
    command, *arguments = sys.argv[1:] or ['']
    if command == 'host':
        host()
    elif command == 'tray':
        host_part(WATCHER, Watcher)
    elif command == 'notifications':
        host_part(NOTIFICATIONS, Notifications)
    elif command == 'item':
        icon = Icon()
        tip = icon.property('ToolTip')
        print(json.dumps({'tool_tip': tip[2], 'menu': icon.labels(icon.layout())}, ensure_ascii=False))
    elif command == 'choose':
        Icon().choose(arguments)
    elif command == 'screen':
        screen()
    elif command in ('press', 'type') and len(arguments) == 1:
        {'press': press, 'type': type_into}[command](arguments[0])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
