//! Text to tokens: comments become documentation, preprocessor lines have their simple effects.

use std::collections::HashSet;

use crate::ast::Import;
use crate::diagnostic::{Report, Reports};
use crate::source::{FileId, Span};
use crate::token::{Punctuation, Token, TokenKind};

/// What a file consists of.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// The tokens; the last is [`TokenKind::End`].
    pub(crate) tokens: Vec<Token>,
    /// The `#define`s that have a value, with the value's tokens.
    pub(crate) defines: Vec<Define>,
    /// The files of `#include "…"`.
    pub(crate) includes: Vec<Import>,
}

/// `#define NAME value`.
#[derive(Debug)]
pub(crate) struct Define {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// The tokens of the value; the last is [`TokenKind::End`].
    pub(crate) value: Vec<Token>,
}

/// Splits `text` into tokens. What cannot be one is reported and skipped.
pub(crate) fn lex(file: FileId, text: &str, reports: &mut Reports) -> Lexed {
    let mut lexer = Lexer {
        file,
        text,
        at: 0,
        reports,
        tokens: Vec::new(),
        defines: Vec::new(),
        includes: Vec::new(),
        defined: HashSet::new(),
        branches: Vec::new(),
        docs: Vec::new(),
        docs_end_line: 0,
        line: 0,
        token_line: None,
    };
    lexer.run();
    let (mut tokens, defines, includes) = (lexer.tokens, lexer.defines, lexer.includes);
    tokens.push(end_token(file, text.len()));
    Lexed {
        tokens,
        defines,
        includes,
    }
}

fn end_token(file: FileId, at: usize) -> Token {
    let at = offset(at);
    Token {
        kind: TokenKind::End,
        span: Span {
            file,
            start: at,
            end: at,
        },
        docs: Vec::new(),
        trailing: None,
    }
}

/// The loader lets no file in that is longer than a `u32` can say.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    reports: &'a mut Reports,
    tokens: Vec<Token>,
    defines: Vec<Define>,
    includes: Vec<Import>,
    defined: HashSet<String>,
    /// The `#if`s that are open.
    branches: Vec<Branch>,
    docs: Vec<String>,
    /// The line on which the last comment in `docs` ended.
    docs_end_line: usize,
    line: usize,
    /// The line of the last token.
    token_line: Option<usize>,
}

/// An open `#if`.
struct Branch {
    span: Span,
    /// Whether the lines that now follow count.
    active: bool,
    /// Whether a branch of this `#if` was taken already.
    taken: bool,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        let mut at_line_start = true;
        loop {
            let rest = &self.text[self.at..];
            let Some(first) = rest.chars().next() else {
                break;
            };
            if first == '\n' {
                self.at += 1;
                self.line += 1;
                at_line_start = true;
            } else if first.is_whitespace() || first == '\u{feff}' {
                self.at += first.len_utf8();
            } else if first == '#' && at_line_start {
                self.directive();
            } else if self.skipping() {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("//") || rest.starts_with("/*") {
                self.comment();
            } else {
                at_line_start = false;
                self.token(first);
            }
        }
        if let Some(branch) = self.branches.first() {
            self.reports.add(Report::error(
                branch.span,
                "this `#if` has no `#endif`",
                "opened here",
            ));
        }
    }

    fn skipping(&self) -> bool {
        self.branches.iter().any(|branch| !branch.active)
    }

    fn span(&self, start: usize) -> Span {
        Span {
            file: self.file,
            start: offset(start),
            end: offset(self.at),
        }
    }

    fn token(&mut self, first: char) {
        let start = self.at;
        let kind = match first {
            '"' => self.string(),
            '\'' => self.character(),
            'L' if self.text[self.at + 1..].starts_with(['"', '\'']) => {
                self.at += 1;
                if self.text[self.at..].starts_with('"') {
                    self.string()
                } else {
                    self.character()
                }
            }
            '0'..='9' => self.number(),
            _ if first == '_' || first.is_ascii_alphabetic() => {
                let name = self.take_while(|c| c == '_' || c == '$' || c.is_ascii_alphanumeric());
                Some(TokenKind::Name(name.to_owned()))
            }
            _ => self.punctuation(first),
        };
        let Some(kind) = kind else { return };
        let docs = std::mem::take(&mut self.docs);
        let is_near = self.docs_end_line + 1 >= self.line;
        self.tokens.push(Token {
            kind,
            span: self.span(start),
            docs: if is_near { docs } else { Vec::new() },
            trailing: None,
        });
        self.token_line = Some(self.line);
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// A number as the preprocessor sees it: whatever begins with a digit. What it means, and
    /// whether it means anything, is found where it is used.
    fn number(&mut self) -> Option<TokenKind> {
        let start = self.at;
        loop {
            self.take_while(|c| c == '_' || c.is_ascii_alphanumeric());
            let mut rest = self.text[self.at..].chars();
            let is_fraction =
                rest.next() == Some('.') && rest.next().is_some_and(|c| c.is_ascii_digit());
            if !is_fraction {
                return Some(TokenKind::Number(self.text[start..self.at].to_owned()));
            }
            self.at += 1;
        }
    }

    fn punctuation(&mut self, first: char) -> Option<TokenKind> {
        let rest = &self.text[self.at..];
        let found = Punctuation::ALL
            .iter()
            .find(|punctuation| rest.starts_with(punctuation.text()));
        if let Some(punctuation) = found {
            self.at += punctuation.text().len();
            return Some(TokenKind::Punctuation(*punctuation));
        }
        let start = self.at;
        self.at += first.len_utf8();
        self.reports.add(Report::error(
            self.span(start),
            format!("the character {first:?} has no meaning in IDL"),
            "remove it",
        ));
        None
    }

    fn string(&mut self) -> Option<TokenKind> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        while let Some(Quoted::Character(code)) = self.quoted('"', start) {
            value.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        }
        Some(TokenKind::String(value))
    }

    fn character(&mut self) -> Option<TokenKind> {
        let start = self.at;
        self.at += 1;
        let mut codes = Vec::new();
        loop {
            match self.quoted('\'', start) {
                Some(Quoted::Character(code)) => codes.push(code),
                Some(Quoted::End) if codes.len() != 1 => {
                    self.reports.add(Report::error(
                        self.span(start),
                        "between two `'` stands one character",
                        format!("{} characters", codes.len()),
                    ));
                    break;
                }
                // What is wrong with it has been said.
                Some(Quoted::End) | None => break,
            }
        }
        // With any value, the parser goes on as if all were well.
        Some(TokenKind::Character(codes.first().copied().unwrap_or(0)))
    }

    /// The next character of a string or character that began at `start`, or its end; `None` if
    /// the line ends before it, which is reported.
    fn quoted(&mut self, quote: char, start: usize) -> Option<Quoted> {
        let mut rest = self.text[self.at..].chars();
        let next = rest.next().filter(|c| *c != '\n');
        let Some(next) = next else {
            self.reports.add(Report::error(
                self.span(start),
                format!("there is no closing `{quote}` on this line"),
                "opened here",
            ));
            return None;
        };
        self.at += next.len_utf8();
        if next == quote {
            return Some(Quoted::End);
        }
        if next != '\\' {
            return Some(Quoted::Character(next.into()));
        }
        let escaped = rest.next().filter(|c| *c != '\n').unwrap_or('\\');
        self.at += if rest.as_str().is_empty() && escaped == '\\' {
            0
        } else {
            escaped.len_utf8()
        };
        Some(Quoted::Character(match escaped {
            'n' => 10,
            't' => 9,
            'r' => 13,
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'v' => 11,
            'x' => {
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                u32::from_str_radix(digits, 16).unwrap_or(u32::MAX)
            }
            '0'..='7' => {
                self.at -= 1;
                let digits = self.take_while(|c| matches!(c, '0'..='7'));
                u32::from_str_radix(digits, 8).unwrap_or(u32::MAX)
            }
            other => other.into(),
        }))
    }

    fn comment(&mut self) {
        let start = self.at;
        let rest = &self.text[self.at..];
        let is_block = rest.starts_with("/*");
        let len = if is_block {
            rest[2..].find("*/").map(|at| at + 4)
        } else {
            Some(rest.find('\n').unwrap_or(rest.len()))
        };
        let Some(len) = len else {
            self.at += 2;
            self.reports.add(Report::error(
                self.span(start),
                "this comment has no end",
                "opened here",
            ));
            self.at = self.text.len();
            return;
        };
        self.at += len;
        let lines = comment_lines(&rest[..len], is_block);
        let first_line = self.line;
        self.line += rest[..len].matches('\n').count();
        if self.token_line == Some(first_line) {
            // It stands behind the last token and speaks of what that one ends.
            if let Some(token) = self.tokens.last_mut() {
                token.trailing = Some(lines.join("\n")).filter(|text| !text.trim().is_empty());
            }
            return;
        }
        if self.docs_end_line + 1 < first_line || is_block {
            self.docs.clear();
        }
        self.docs.extend(lines);
        self.docs_end_line = self.line;
    }

    /// A line that begins with `#`. Line markers and includes of the system's headers have no effect.
    fn directive(&mut self) {
        let start = self.at;
        self.at += 1;
        let line_start = self.at;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = rest[..end].trim_end_matches('\r');
            self.at += end;
            match line.strip_suffix('\\') {
                Some(line) if self.at < self.text.len() => {
                    text.push_str(line);
                    text.push(' ');
                    self.at += 1;
                    self.line += 1;
                }
                _ => {
                    text.push_str(line);
                    break;
                }
            }
        }
        let span = self.span(start);
        let text = without_comments(&text);
        let text = text.trim();
        let (word, rest) = text
            .find(|c: char| !c.is_ascii_alphabetic())
            .map_or((text, ""), |at| (&text[..at], text[at..].trim()));
        match word {
            "ifdef" => self.open_branch(span, self.defined.contains(rest)),
            "ifndef" => self.open_branch(span, !self.defined.contains(rest)),
            "if" => {
                let holds = self.condition(span, rest);
                self.open_branch(span, holds);
            }
            "elif" => {
                let holds = self.condition(span, rest);
                self.next_branch(span, holds);
            }
            "else" => self.next_branch(span, true),
            "endif" => self.close_branch(span),
            "include" if !self.skipping() => {
                let path = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
                self.includes.extend(path.map(|(path, _)| Import {
                    path: path.to_owned(),
                    span,
                }));
            }
            "define" if !self.skipping() => self.define(span, line_start, rest),
            "undef" if !self.skipping() => {
                self.defined.remove(rest);
            }
            _ => {}
        }
    }

    fn open_branch(&mut self, span: Span, holds: bool) {
        self.branches.push(Branch {
            span,
            active: holds,
            taken: holds,
        });
    }

    fn next_branch(&mut self, span: Span, holds: bool) {
        match self.branches.last_mut() {
            Some(branch) => {
                branch.active = holds && !branch.taken;
                branch.taken |= holds;
            }
            None => self.stray(span),
        }
    }

    fn close_branch(&mut self, span: Span) {
        if self.branches.pop().is_none() {
            self.stray(span);
        }
    }

    fn stray(&mut self, span: Span) {
        self.reports.add(Report::error(
            span,
            "there is no `#if` that this could belong to",
            "without `#if`",
        ));
    }

    /// A condition of the simplest kinds. Others need a real preprocessor.
    fn condition(&mut self, span: Span, text: &str) -> bool {
        let (negated, inner) = match text.strip_prefix('!') {
            Some(inner) => (true, inner.trim()),
            None => (false, text),
        };
        let defined = inner
            .strip_prefix("defined")
            .map(|name| name.trim().trim_matches(['(', ')']).trim());
        match (inner, defined) {
            ("0", _) => negated,
            ("1", _) => !negated,
            (_, Some(name)) if name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) => {
                self.defined.contains(name) != negated
            }
            _ => {
                if !self.skipping() {
                    self.reports.add(
                        Report::error(span, "this condition is too hard", "not evaluated")
                            .help("run a C preprocessor over the file first, such as `cpp -P`"),
                    );
                }
                false
            }
        }
    }

    fn define(&mut self, span: Span, line_start: usize, text: &str) {
        let len = text
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .unwrap_or(text.len());
        let (name, value) = text.split_at(len);
        self.defined.insert(name.to_owned());
        // A macro with parameters is not a constant, and one that is continued is no number.
        let line = &self.text[line_start..self.at];
        let is_constant = !name.is_empty() && !value.trim().is_empty() && !value.starts_with('(');
        let Some(value_start) = line.find(value).filter(|_| is_constant) else {
            return;
        };
        let mut unheard = Reports::default();
        let mut lexed = lex(self.file, value, &mut unheard);
        if unheard.has_errors() {
            return;
        }
        let base = offset(line_start + value_start);
        for token in &mut lexed.tokens {
            token.span.start = token.span.start.saturating_add(base);
            token.span.end = token.span.end.saturating_add(base);
        }
        self.defines.push(Define {
            name: name.to_owned(),
            span,
            value: lexed.tokens,
        });
    }
}

enum Quoted {
    Character(u32),
    End,
}

/// The lines of a comment without its decoration. Empty ones are left out at both ends.
fn comment_lines(comment: &str, is_block: bool) -> Vec<String> {
    let body = if is_block {
        comment
            .strip_prefix("/*")
            .and_then(|body| body.strip_suffix("*/"))
            .unwrap_or_default()
            .trim_start_matches(['*', '!'])
            .trim_end_matches('*')
    } else {
        comment.trim_start_matches(['/', '!'])
    };
    let decorated = |line: &str| {
        let line = line.trim();
        if line.chars().all(|c| "*-=/#".contains(c)) {
            return String::new();
        }
        let bare = if is_block {
            line.strip_prefix('*').unwrap_or(line)
        } else {
            line
        };
        bare.trim().to_owned()
    };
    let mut lines: Vec<String> = body.lines().map(decorated).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let empty = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..empty);
    lines
}

fn without_comments(text: &str) -> String {
    let text = text.split("//").next().unwrap_or_default();
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        kept.push_str(&rest[..start]);
        rest = rest[start..]
            .find("*/")
            .map_or("", |end| &rest[start + end + 2..]);
    }
    kept.push_str(rest);
    kept
}
