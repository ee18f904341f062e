// What the tray's tests share: a home of their own, a scripted agent, a clock that stands still, a window.
#pragma once

#include <QAction>
#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include <gtest/gtest.h>

#include "desktop-tray/tray_program.hpp"
#include "support/scripted_agent.hpp"

namespace postern::test {

inline QDateTime scripted_now() {
    return QDateTime::fromString(QLatin1String(kScriptedNow), Qt::ISODate);
}

inline bool soon(const std::function<bool()>& claim) {
    return QTest::qWaitFor(claim, 10000);
}

class TrayTest : public testing::Test {
protected:
    TrayTest() {
        qputenv("XDG_CONFIG_HOME", (home_.path() + "/config").toUtf8());
        qputenv("XDG_RUNTIME_DIR", home_.path().toUtf8());
    }

    tray::AgentClientOptions client_options() const {
        tray::AgentClientOptions options;
        options.socket = socket_;
        options.retry_every = std::chrono::milliseconds(10);
        options.timeout = std::chrono::milliseconds(200);
        return options;
    }

    /// The whole program, with its window shown, and the agent's state in it.
    tray::TrayProgram& open() {
        agent_.start();
        tray::ProgramOptions options;
        options.agent = client_options();
        options.clock = [this] { return now_; };
        options.link_timeout = link_timeout_;
        program_ = std::make_unique<tray::TrayProgram>(std::move(options));
        program_->start();
        EXPECT_TRUE(
            soon([this] { return program_->client().state().is_known() && program_->window().isVisible(); }));
        return *program_;
    }

    tray::MainWindow& window() { return program_->window(); }

    template <class Widget>
    Widget* find(const char* name = nullptr) {
        return window().findChild<Widget*>(name == nullptr ? QString() : QString(name));
    }

    QTemporaryDir home_;
    QString socket_ = home_.path() + "/agent.sock";
    ScriptedAgent agent_{socket_};
    QDateTime now_ = scripted_now();
    std::chrono::milliseconds link_timeout_{15000};
    std::unique_ptr<tray::TrayProgram> program_;
};

/// The open window, used as a person would.
class WindowTest : public TrayTest {
protected:
    /// A visible button by its words, without the mark of its key.
    template <class Button = QPushButton>
    Button* button(const QString& text) {
        for (Button* candidate : window().findChildren<Button*>()) {
            if (candidate->isVisible() &&
                QString(candidate->text()).remove(QLatin1Char(38)).trimmed() == text) {
                return candidate;
            }
        }
        ADD_FAILURE() << "no button " << qPrintable(text);
        return nullptr;
    }

    bool shows(const QString& text) {
        for (const QLabel* label : window().findChildren<QLabel*>()) {
            if (label->isVisible() && label->text().contains(text)) {
                return true;
            }
        }
        return false;
    }

    static QAction* menu_action(QMenu* menu, const QString& text) {
        for (QAction* action : menu->actions()) {
            if (QString(action->text()).remove('&') == text) {
                return action;
            }
        }
        return nullptr;
    }

    static void type_into(QLineEdit* edit, const QString& text) {
        edit->clear();
        QTest::keyClicks(edit, text);
    }

    void put_service(const QJsonObject& service) {
        agent_.notify("service", service);
        const QString name = service["name"].toString();
        ASSERT_TRUE(soon([&] {
            const tray::Service* known = program_->client().state().service(name);
            return known != nullptr && *known == tray::service_from(service);
        }));
    }
};

}  // namespace postern::test
