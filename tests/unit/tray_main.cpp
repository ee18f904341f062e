// The tray's cases need one QApplication, with nothing of this machine's desktop.
#include <QApplication>
#include <QTemporaryDir>

#include <gtest/gtest.h>

#include "desktop-tray/tray_program.hpp"

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qputenv("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    qputenv("TZ", "UTC");
    qputenv("LC_ALL", "C");
    testing::InitGoogleTest(&argc, argv);
    if (testing::GTEST_FLAG(list_tests)) {
        return RUN_ALL_TESTS();  // The build asks; it needs no fonts.
    }
    // Else Qt makes one beside the temporary files, and leaves it.
    const QTemporaryDir runtime;
    qputenv("XDG_RUNTIME_DIR", runtime.path().toLocal8Bit());
    QApplication application(argc, argv);
    postern::tray::prepare_application("en_GB");
    return RUN_ALL_TESTS();
}
