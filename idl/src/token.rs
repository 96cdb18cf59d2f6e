//! The tokens of IDL and ACF.

use crate::source::Span;

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    /// What the comments directly before the token say.
    pub(crate) docs: Vec<String>,
    /// What the comment behind the token, on its line, says.
    pub(crate) trailing: Option<String>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a keyword.
    Name(String),
    /// What begins with a digit, as it stands: `0x1f`, `1.0`, also the start of a UUID.
    Number(String),
    /// The characters of a string.
    String(String),
    /// The value of a character.
    Character(u32),
    Punctuation(Punctuation),
    End,
}

macro_rules! punctuation {
    ($($name:ident $text:literal,)*) => {
        /// A token without a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Punctuation { $($name),* }

        impl Punctuation {
            /// All, so that none comes before a longer one that begins with it.
            pub(crate) const ALL: &[Punctuation] = &[$(Punctuation::$name),*];

            pub(crate) fn text(self) -> &'static str {
                match self { $(Punctuation::$name => $text),* }
            }
        }
    };
}

punctuation! {
    ShiftLeft "<<", ShiftRight ">>", AndAnd "&&", OrOr "||",
    EqualEqual "==", NotEqual "!=", LessEqual "<=", GreaterEqual ">=", Arrow "->", Dots "..",
    BraceOpen "{", BraceClose "}", ParenOpen "(", ParenClose ")",
    BracketOpen "[", BracketClose "]", Semicolon ";", Comma ",", Colon ":", Equal "=",
    Star "*", Plus "+", Minus "-", Slash "/", Percent "%", And "&", Or "|", Caret "^",
    Tilde "~", Not "!", Less "<", Greater ">", Question "?", Dot ".",
}

impl TokenKind {
    /// The token as an error names it.
    pub(crate) fn describe(&self) -> String {
        match self {
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Number(number) => format!("`{number}`"),
            TokenKind::String(_) => "a string".to_owned(),
            TokenKind::Character(_) => "a character".to_owned(),
            TokenKind::Punctuation(punctuation) => format!("`{}`", punctuation.text()),
            TokenKind::End => "the end of the file".to_owned(),
        }
    }
}
