#include <QBoxLayout>
#include <QComboBox>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/pages.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr int kLongestField = 1024;

QLineEdit* make_edit(const LoginField& field, QWidget* parent) {
    auto* const edit = new QLineEdit(parent);
    edit->setMaxLength(kLongestField);
    edit->setObjectName(QLatin1String("field-") + field.name);
    if (field.kind == QLatin1String("secret")) {
        edit->setEchoMode(QLineEdit::Password);
        edit->setInputMethodHints(Qt::ImhHiddenText | Qt::ImhSensitiveData | Qt::ImhNoPredictiveText);
    } else if (field.kind == QLatin1String("code")) {
        edit->setInputMethodHints(Qt::ImhDigitsOnly | Qt::ImhNoPredictiveText | Qt::ImhSensitiveData);
    } else {
        edit->setInputMethodHints(Qt::ImhNoAutoUppercase | Qt::ImhNoPredictiveText);
    }
    return edit;
}

/// Returns the title of a field. The fields that every CA has are named in the person's language, others as
/// the CA calls them.
QString title_of(const LoginField& field) {
    if (field.name == QLatin1String("username") || field.name == QLatin1String("user")) {
        return SignInPage::tr("Login name");
    }
    if (field.name == QLatin1String("password")) {
        return SignInPage::tr("Password");
    }
    return field.label.isEmpty() ? field.name : field.label;
}

bool is_user_field(const LoginField& field) {
    return field.kind == QLatin1String("text") &&
           (field.name == QLatin1String("user") || field.name == QLatin1String("username"));
}

}  // namespace

SignInPage::SignInPage(AgentClient* client, QWidget* parent)
    : Page(parent),
      client_(client),
      methods_choice_(new QComboBox(this)),
      fields_(new QWidget(this)),
      submit_(new QPushButton(tr("&Sign in"), this)),
      back_(new QPushButton(tr("&Back"), this)),
      refusal_(new NoticeBox(NoticeBox::Tone::danger, this)) {
    title()->setText(tr("Sign in"));
    submit_->setProperty("primary", true);
    methods_choice_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    methods_choice_->setAccessibleName(tr("How to sign in"));
    new QVBoxLayout(fields_);
    fields_->layout()->setContentsMargins(0, 0, 0, 0);
    auto* const row = new QHBoxLayout;
    row->addWidget(submit_);
    row->addWidget(back_);
    row->addStretch();
    column()->addWidget(refusal_);
    column()->addWidget(methods_choice_);
    column()->addWidget(fields_);
    column()->addSpacing(8);
    column()->addLayout(row);
    connect(methods_choice_, &QComboBox::currentIndexChanged, this, &SignInPage::draw_fields);
    connect(submit_, &QPushButton::clicked, this, &SignInPage::submit);
    connect(back_, &QPushButton::clicked, this, &SignInPage::go_back);
}

void SignInPage::start(const QString& user, bool may_go_back) {
    user_ = user;
    refusal_->clear();
    set_busy(false);
    back_->setVisible(may_go_back);
    const auto& trust = client_->state().trust();
    text()->setText(trust && !trust->trust_domain.isEmpty()
                        ? tr("Once for all services of %1.").arg(trust->trust_domain)
                        : QString());
    show_methods({});
    submit_->setText(tr("&Sign in"));
    client_->ask(QStringLiteral("login.methods"), {}, this, [this](const Answer& answer) {
        if (answer.is_ok()) {
            refusal_->clear();
            show_methods(login_methods_from(answer.result));
        }
        if (!answer.is_ok() || methods_.isEmpty()) {
            refusal_->show_trouble(about_ca(answer.error.value_or(own_trouble(
                QStringLiteral("no_method"), tr("The CA offers no way to sign in that this window knows."),
                tr("Update postern-tray, or sign in with “postern login”.")))));
            submit_->setText(tr("&Try again"));
            submit_->setEnabled(true);
            submit_->setFocus();
        }
    });
}

void SignInPage::show_methods(const QList<LoginMethod>& methods) {
    methods_ = methods;
    {
        const QSignalBlocker quiet(methods_choice_);
        methods_choice_->clear();
        for (const LoginMethod& method : methods) {
            methods_choice_->addItem(method.title.isEmpty() ? method.id : method.title);
        }
    }
    methods_choice_->setVisible(methods.size() > 1);
    draw_fields();
}

void SignInPage::draw_fields() {
    edits_.clear();
    auto* const rows = static_cast<QVBoxLayout*>(fields_->layout());
    while (QLayoutItem* item = rows->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const int chosen = methods_choice_->currentIndex();
    if (chosen < 0 || chosen >= methods_.size()) {
        submit_->setEnabled(false);
        return;
    }
    for (const LoginField& field : methods_[chosen].fields) {
        auto* const label = plain_label(title_of(field), fields_);
        auto* const edit = make_edit(field, fields_);
        edit->setAccessibleName(label->text());
        if (is_user_field(field)) {
            edit->setText(user_);
        }
        rows->addWidget(label);
        rows->addWidget(edit);
        rows->addSpacing(4);
        connect(edit, &QLineEdit::textChanged, this, &SignInPage::judge);
        connect(edit, &QLineEdit::returnPressed, this, &SignInPage::submit);
        edits_.append(edit);
    }
    for (qsizetype at = 1; at < edits_.size(); ++at) {
        setTabOrder(edits_[at - 1], edits_[at]);
    }
    setTabOrder(edits_.last(), submit_);
    setTabOrder(submit_, back_);
    for (QLineEdit* edit : edits_) {
        if (edit->text().isEmpty()) {
            edit->setFocus();
            break;
        }
    }
    judge();
}

void SignInPage::judge() {
    const int chosen = methods_choice_->currentIndex();
    bool is_complete = !edits_.isEmpty();
    for (qsizetype at = 0; at < edits_.size(); ++at) {
        is_complete =
            is_complete && (!methods_[chosen].fields[at].is_required || !edits_[at]->text().isEmpty());
    }
    submit_->setEnabled(is_complete && !is_busy_);
}

void SignInPage::submit() {
    if (methods_.isEmpty()) {
        start(user_, back_->isVisibleTo(this));
        return;
    }
    if (!submit_->isEnabled()) {
        return;
    }
    const LoginMethod& method = methods_[methods_choice_->currentIndex()];
    QJsonObject fields;
    QString user;
    for (qsizetype at = 0; at < edits_.size(); ++at) {
        fields.insert(method.fields[at].name, edits_[at]->text());
        if (is_user_field(method.fields[at])) {
            user = edits_[at]->text();
        }
    }
    set_busy(true);
    refusal_->clear();
    const QJsonObject params{{QStringLiteral("method"), method.id}, {QStringLiteral("fields"), fields}};
    client_->ask(
        QStringLiteral("login"), params, this,
        [this, user](const Answer& answer) {
            set_busy(false);
            // Secrets do not stay in the window, whatever came of the login.
            QLineEdit* first_secret = nullptr;
            for (QLineEdit* edit : edits_) {
                if (edit->echoMode() == QLineEdit::Password ||
                    edit->inputMethodHints().testFlag(Qt::ImhDigitsOnly)) {
                    edit->clear();
                    first_secret = first_secret != nullptr ? first_secret : edit;
                }
            }
            if (answer.is_ok()) {
                emit signed_in(user);
                return;
            }
            refusal_->show_trouble(about_ca(*answer.error));
            if (first_secret != nullptr) {
                first_secret->setFocus();
            }
        },
        std::chrono::seconds(60));
}

void SignInPage::set_busy(bool is_busy) {
    is_busy_ = is_busy;
    submit_->setText(is_busy ? tr("Signing in …") : tr("&Sign in"));
    for (QLineEdit* edit : edits_) {
        edit->setReadOnly(is_busy);
    }
    judge();
}

void SignInPage::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && back_->isVisibleTo(this)) {
        emit go_back();
        return;
    }
    Page::keyPressEvent(event);
}

}  // namespace postern::tray
