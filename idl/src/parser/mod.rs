//! Recursive descent over the tokens of one file, going on after an error at the next declaration.

mod acf;
mod attributes;
mod declarations;
mod expressions;
mod types;

use crate::ast::{Acf, Constant, File, Name};
use crate::diagnostic::{Report, Reports};
use crate::lexer::{self, Lexed};
use crate::source::{FileId, Span};
use crate::token::{Punctuation, Token, TokenKind};

/// How deep structures, parentheses and declarators may lie in each other.
const DEPTH_MAX: u16 = 64;
/// How deep an expression's tree may be. One operator after another makes it deeper by one each.
pub(crate) const EXPRESSION_DEPTH_MAX: u16 = 256;

/// An error that has been reported; the parser goes on at the next declaration.
#[derive(Debug)]
pub(crate) struct Reported;

type Parsed<T> = Result<T, Reported>;

/// Parses an IDL file.
pub(crate) fn parse_idl(file: FileId, text: &str, reports: &mut Reports) -> File {
    let Lexed {
        tokens,
        defines,
        includes,
    } = lexer::lex(file, text, reports);
    let mut constants = Vec::new();
    for define in defines {
        // What is no constant expression is no business of this compiler.
        let mut unheard = Reports::default();
        let mut parser = Parser::new(text, define.value, &mut unheard);
        if let Ok(value) = parser.expression()
            && parser.at_end()
        {
            constants.push(Constant {
                name: Name {
                    text: define.name,
                    span: define.span,
                },
                ty: None,
                value,
                docs: Vec::new(),
            });
        }
    }
    let mut parser = Parser::new(text, tokens, reports);
    let (imports, declarations) = parser.file();
    File {
        imports,
        includes,
        declarations,
        defines: constants,
    }
}

/// Parses an ACF file.
pub(crate) fn parse_acf(file: FileId, text: &str, reports: &mut Reports) -> Acf {
    let Lexed { tokens, .. } = lexer::lex(file, text, reports);
    Parser::new(text, tokens, reports).acf()
}

struct Parser<'a> {
    text: &'a str,
    /// Ends with [`TokenKind::End`].
    tokens: Vec<Token>,
    at: usize,
    depth: u16,
    reports: &'a mut Reports,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, tokens: Vec<Token>, reports: &'a mut Reports) -> Self {
        Parser {
            text,
            tokens,
            at: 0,
            depth: 0,
            reports,
        }
    }

    fn token(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// The token `ahead` places further; beyond the end, the end.
    fn ahead(&self, ahead: usize) -> &TokenKind {
        let at = (self.at + ahead).min(self.tokens.len() - 1);
        &self.tokens[at].kind
    }

    fn span(&self) -> Span {
        self.token().span
    }

    /// The place of the token before this one.
    fn previous_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    fn advance(&mut self) {
        if !self.at_end() {
            self.at += 1;
        }
    }

    fn at_punctuation(&self, punctuation: Punctuation) -> bool {
        self.token().kind == TokenKind::Punctuation(punctuation)
    }

    fn take(&mut self, punctuation: Punctuation) -> bool {
        let is_there = self.at_punctuation(punctuation);
        if is_there {
            self.advance();
        }
        is_there
    }

    fn expect(&mut self, punctuation: Punctuation, after: &str) -> Parsed<()> {
        if self.take(punctuation) {
            return Ok(());
        }
        self.unexpected(&format!("`{}` {after}", punctuation.text()))
    }

    /// The name that stands here, if one does.
    fn peek_name(&self) -> Option<&str> {
        match &self.token().kind {
            TokenKind::Name(name) => Some(name),
            _ => None,
        }
    }

    fn at_word(&self, word: &str) -> bool {
        self.peek_name() == Some(word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_there = self.at_word(word);
        if is_there {
            self.advance();
        }
        is_there
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.span();
        let Some(text) = self.peek_name() else {
            return self.unexpected(what);
        };
        let text = text.to_owned();
        self.advance();
        Ok(Name { text, span })
    }

    /// Strings that stand side by side are one.
    fn string(&mut self, what: &str) -> Parsed<String> {
        let mut whole = None::<String>;
        while let TokenKind::String(part) = &self.token().kind {
            whole.get_or_insert_default().push_str(part);
            self.advance();
        }
        match whole {
            Some(string) => Ok(string),
            None => self.unexpected(what),
        }
    }

    /// The comments before the token that stands here.
    fn docs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.tokens[self.at].docs)
    }

    /// Gives `docs`, if they are empty, the comment behind the token before this one.
    fn or_trailing(&mut self, mut docs: Vec<String>) -> Vec<String> {
        let previous = self.at.saturating_sub(1);
        if let Some(comment) = self.tokens[previous].trailing.take()
            && docs.is_empty()
        {
            docs = comment.lines().map(str::to_owned).collect();
        }
        docs
    }

    /// Reports that `expected` does not stand here.
    fn unexpected<T>(&mut self, expected: &str) -> Parsed<T> {
        let found = self.token().kind.describe();
        let report = Report::error(
            self.span(),
            format!("expected {expected}"),
            format!("found {found}"),
        );
        self.reports.add(report);
        Err(Reported)
    }

    /// Runs `parse` one level deeper, unless that is too deep.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            self.reports.add(Report::error(
                self.span(),
                format!("this lies more than {DEPTH_MAX} levels deep"),
                "nested too deeply",
            ));
            return Err(Reported);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Skips to behind the next `;`, or to before a `}` that closes what is around. Whole blocks
    /// in between are skipped. Always gets further, unless it stands before such a `}`.
    fn recover(&mut self) {
        let mut open = 0u32;
        while !self.at_end() {
            match self.token().kind {
                TokenKind::Punctuation(Punctuation::BraceOpen) => open += 1,
                TokenKind::Punctuation(Punctuation::BraceClose) => {
                    if open == 0 {
                        return;
                    }
                    open -= 1;
                }
                TokenKind::Punctuation(Punctuation::Semicolon) if open == 0 => {
                    self.advance();
                    return;
                }
                _ => {}
            }
            self.advance();
        }
    }
}
