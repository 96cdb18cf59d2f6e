//! Type specifiers, structures, unions, enums, declarators.

use super::{Parsed, Parser};
use crate::ast::{
    Arm, Attributes, BaseType, Declarator, Declared, DeclaredLevel, Enumeration, Enumerator,
    LevelKind, Name, Structure, TypeKind, TypeSpecifier, Union,
};
use crate::diagnostic::Report;
use crate::token::{Punctuation, TokenKind};

/// Words that change nothing about how a type lies on the wire.
const QUALIFIERS: &[&str] = &[
    "const",
    "volatile",
    "__RPC_FAR",
    "__restrict",
    "far",
    "extern",
    "static",
    "__stdcall",
    "__cdecl",
    "_stdcall",
    "_cdecl",
    "STDMETHODCALLTYPE",
];

/// The most pointers and dimensions of one declarator.
const LEVELS_MAX: usize = 16;

impl Parser<'_> {
    fn skip_qualifiers(&mut self) {
        while self
            .peek_name()
            .is_some_and(|name| QUALIFIERS.contains(&name))
        {
            self.advance();
        }
    }

    /// Whether a type begins here that the language has itself.
    pub(super) fn at_base_type(&self) -> bool {
        self.peek_name().is_some_and(|name| {
            is_base_word(name) || matches!(name, "struct" | "union" | "enum" | "const")
        })
    }

    pub(super) fn type_specifier(&mut self) -> Parsed<TypeSpecifier> {
        self.nested(|parser| {
            parser.skip_qualifiers();
            let start = parser.span();
            let Some(word) = parser.peek_name() else {
                return parser.unexpected("a type");
            };
            let word = word.to_owned();
            let kind = match word.as_str() {
                "struct" => parser.structure()?,
                "union" => parser.union()?,
                "enum" => parser.enumeration(false)?,
                "bitmap" => parser.enumeration(true)?,
                "pipe" => {
                    parser.advance();
                    TypeKind::Pipe(Box::new(parser.type_specifier()?))
                }
                _ if is_base_word(&word) => parser.base_type()?,
                _ => {
                    parser.advance();
                    TypeKind::Named(word)
                }
            };
            let span = start.to(parser.previous_span());
            parser.skip_qualifiers();
            Ok(TypeSpecifier { kind, span })
        })
    }

    /// The words of an integer stand in any order.
    fn base_type(&mut self) -> Parsed<TypeKind> {
        let start = self.span();
        let mut words = Vec::new();
        while let Some(word) = self.peek_name().filter(|word| is_base_word(word)) {
            // `unsigned` goes with more words; `void` and its like stand alone.
            let alone = !is_integer_word(word);
            if alone && !words.is_empty() {
                break;
            }
            words.push(word.to_owned());
            self.advance();
            if alone {
                break;
            }
        }
        let signedness = words
            .iter()
            .rev()
            .find(|word| matches!(word.as_str(), "signed" | "unsigned" | "__signed"))
            .cloned();
        let sizes: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|word| !matches!(*word, "signed" | "unsigned" | "__signed"))
            .collect();
        let base = base(&sizes, signedness.as_deref());
        match base {
            Some(base) => Ok(TypeKind::Base(base)),
            None => {
                let span = start.to(self.previous_span());
                let text = words.join(" ");
                let report = if text.contains("__int3264") {
                    Report::unsupported(span, "__int3264, whose length is the platform's, is")
                        .help("name the length: __int64 or long")
                } else {
                    Report::error(span, format!("`{text}` is no type"), "no such combination")
                };
                self.reports.add(report);
                Err(super::Reported)
            }
        }
    }

    fn tag(&mut self) -> Option<Name> {
        let tag = self.peek_name()?.to_owned();
        let span = self.span();
        self.advance();
        Some(Name { text: tag, span })
    }

    fn structure(&mut self) -> Parsed<TypeKind> {
        self.advance();
        let tag = self.tag();
        if !self.at_punctuation(Punctuation::BraceOpen) {
            return self.only_tag(tag);
        }
        self.advance();
        let mut members = Vec::new();
        while !self.at_punctuation(Punctuation::BraceClose) && !self.at_end() {
            if self.member(&mut members).is_err() {
                self.recover();
            }
        }
        self.expect(Punctuation::BraceClose, "at the end of the structure")?;
        Ok(TypeKind::Structure(Structure { tag, members }))
    }

    /// `struct s` without members names a structure that is defined elsewhere.
    fn only_tag(&mut self, tag: Option<Name>) -> Parsed<TypeKind> {
        match tag {
            Some(tag) => Ok(TypeKind::Tag(tag)),
            None => self.unexpected("a name or `{`"),
        }
    }

    /// `[attributes] type a, *b;`
    fn member(&mut self, members: &mut Vec<Declared>) -> Parsed<()> {
        let docs = self.docs();
        let attributes = self.attributes()?;
        let specifier = self.type_specifier()?;
        let first = members.len();
        loop {
            let declarator = self.declarator()?;
            members.push(Declared {
                attributes: attributes.clone(),
                specifier: specifier.clone(),
                declarator,
                docs: docs.clone(),
            });
            if !self.take(Punctuation::Comma) {
                break;
            }
        }
        if !self.at_punctuation(Punctuation::BraceClose) {
            self.expect(Punctuation::Semicolon, "after the member")?;
        }
        let docs = self.or_trailing(docs);
        for member in &mut members[first..] {
            member.docs.clone_from(&docs);
        }
        Ok(())
    }

    fn union(&mut self) -> Parsed<TypeKind> {
        self.advance();
        let mut tag = None;
        if !self.at_word("switch") {
            tag = self.tag();
        }
        let switch = if self.take_word("switch") {
            Some(Box::new(self.union_switch()?))
        } else {
            None
        };
        if !self.at_punctuation(Punctuation::BraceOpen) {
            return self.only_tag(tag);
        }
        self.advance();
        let mut arms = Vec::new();
        while !self.at_punctuation(Punctuation::BraceClose) && !self.at_end() {
            match self.arm() {
                Ok(arm) => arms.push(arm),
                Err(_) => self.recover(),
            }
        }
        self.expect(Punctuation::BraceClose, "at the end of the union")?;
        Ok(TypeKind::Union(Union { tag, switch, arms }))
    }

    /// `(type name) member`.
    fn union_switch(&mut self) -> Parsed<TypeSpecifier> {
        self.expect(Punctuation::ParenOpen, "after `switch`")?;
        let specifier = self.type_specifier()?;
        self.name("the name of the discriminant")?;
        self.expect(Punctuation::ParenClose, "after the discriminant")?;
        if self.peek_name().is_some() {
            self.advance();
        }
        Ok(specifier)
    }

    /// `case 1: case 2: long a;`, `[case(1, 2)] long a;`, `default: ;`, `[default];`
    fn arm(&mut self) -> Parsed<Arm> {
        let docs = self.docs();
        let start = self.span();
        let (mut cases, mut is_default) = (Vec::new(), false);
        loop {
            if self.take_word("case") {
                cases.push(self.expression()?);
            } else if self.take_word("default") {
                is_default = true;
            } else {
                break;
            }
            self.expect(Punctuation::Colon, "after the case")?;
        }
        let mut attributes = self.attributes()?;
        for attribute in &attributes.items {
            match attribute.name.text.as_str() {
                "case" => cases.extend(attribute.expressions().cloned()),
                "default" => is_default = true,
                _ => {}
            }
        }
        attributes
            .items
            .retain(|item| !matches!(item.name.text.as_str(), "case" | "default"));
        let span = start.to(self.previous_span());
        let body = if self.at_punctuation(Punctuation::Semicolon) {
            None
        } else {
            Some(self.arm_body(attributes)?)
        };
        self.expect(Punctuation::Semicolon, "after the arm")?;
        let docs = self.or_trailing(docs);
        if cases.is_empty() && !is_default {
            self.reports.add(
                Report::error(span, "an arm says when it is chosen", "without a case")
                    .help("write case(n) or default in brackets before it"),
            );
        }
        let body = body.map(|body| Declared {
            docs: docs.clone(),
            ..body
        });
        Ok(Arm {
            cases,
            is_default,
            body,
            docs,
            span,
        })
    }

    fn arm_body(&mut self, attributes: Attributes) -> Parsed<Declared> {
        let specifier = self.type_specifier()?;
        let declarator = self.declarator()?;
        Ok(Declared {
            attributes,
            specifier,
            declarator,
            docs: Vec::new(),
        })
    }

    fn enumeration(&mut self, is_bitmap: bool) -> Parsed<TypeKind> {
        self.advance();
        let tag = self.tag();
        if !self.at_punctuation(Punctuation::BraceOpen) {
            return self.only_tag(tag);
        }
        self.advance();
        let mut values = Vec::new();
        while !self.at_punctuation(Punctuation::BraceClose) {
            let docs = self.docs();
            let name = self.name("the name of a value")?;
            let value = if self.take(Punctuation::Equal) {
                Some(self.expression()?)
            } else {
                None
            };
            let more = self.take(Punctuation::Comma);
            let docs = self.or_trailing(docs);
            values.push(Enumerator { name, value, docs });
            if !more {
                break;
            }
        }
        self.expect(Punctuation::BraceClose, "or `,` after the value")?;
        Ok(TypeKind::Enumeration(Enumeration {
            tag,
            is_bitmap,
            values,
        }))
    }

    /// A declarator with a name.
    pub(super) fn declarator(&mut self) -> Parsed<Declarator> {
        let (name, levels) = self.any_declarator()?;
        match name {
            Some(name) => Ok(Declarator { name, levels }),
            None => self.unexpected("a name"),
        }
    }

    /// The name, if there is one, and its levels from the name outwards.
    pub(super) fn any_declarator(&mut self) -> Parsed<(Option<Name>, Vec<DeclaredLevel>)> {
        self.nested(|parser| {
            let mut stars = Vec::new();
            loop {
                parser.skip_qualifiers();
                let span = parser.span();
                if !parser.take(Punctuation::Star) {
                    break;
                }
                stars.push(DeclaredLevel {
                    kind: LevelKind::Pointer,
                    span,
                });
            }
            let (name, mut levels) = if parser.take(Punctuation::ParenOpen) {
                let inner = parser.any_declarator()?;
                parser.expect(Punctuation::ParenClose, "after the declarator")?;
                inner
            } else {
                (parser.tag(), Vec::new())
            };
            while parser.at_punctuation(Punctuation::BracketOpen) {
                levels.push(parser.dimension()?);
            }
            levels.extend(stars);
            if let Some(level) = levels.get(LEVELS_MAX) {
                let report = Report::error(
                    level.span,
                    format!("a type has at most {LEVELS_MAX} pointers and dimensions"),
                    "one too many",
                );
                parser.reports.add(report);
                return Err(super::Reported);
            }
            Ok((name, levels))
        })
    }

    /// `[n]`, `[]`, `[*]`, `[0..n]`.
    fn dimension(&mut self) -> Parsed<DeclaredLevel> {
        let start = self.span();
        self.advance();
        let is_open = matches!(
            (self.ahead(0), self.ahead(1)),
            (
                TokenKind::Punctuation(Punctuation::Star),
                TokenKind::Punctuation(Punctuation::BracketClose)
            )
        );
        let count = if is_open {
            self.advance();
            None
        } else if self.at_punctuation(Punctuation::BracketClose) {
            None
        } else {
            let count = self.expression()?;
            if self.at_punctuation(Punctuation::Dots) {
                let report = Report::unsupported(self.span(), "an array with a lower bound is")
                    .help("write the number of elements");
                self.reports.add(report);
                return Err(super::Reported);
            }
            Some(count)
        };
        self.expect(Punctuation::BracketClose, "after the dimension")?;
        Ok(DeclaredLevel {
            kind: LevelKind::Array(count),
            span: start.to(self.previous_span()),
        })
    }
}

fn is_integer_word(word: &str) -> bool {
    matches!(
        word,
        "unsigned"
            | "signed"
            | "__signed"
            | "small"
            | "short"
            | "long"
            | "int"
            | "hyper"
            | "char"
            | "__int8"
            | "__int16"
            | "__int32"
            | "__int64"
            | "__int3264"
    )
}

fn is_base_word(word: &str) -> bool {
    is_integer_word(word)
        || matches!(
            word,
            "void" | "boolean" | "byte" | "wchar_t" | "float" | "double" | "handle_t"
        )
}

/// The type that the words name, without `signed` and `unsigned`, which come apart.
fn base(words: &[&str], signedness: Option<&str>) -> Option<BaseType> {
    let is_signed = signedness != Some("unsigned");
    let integer = |bits| {
        Some(BaseType::Integer {
            bits,
            signed: is_signed,
        })
    };
    match words {
        ["small" | "__int8"] => integer(8),
        ["short"] | ["short", "int"] | ["int", "short"] | ["__int16"] => integer(16),
        [] | ["int"] | ["long"] | ["long", "int"] | ["int", "long"] | ["__int32"] => integer(32),
        ["hyper"] | ["hyper", "int"] | ["long", "long"] | ["long", "long", "int"] | ["__int64"] => {
            integer(64)
        }
        // NDR's characters have no sign; C's `signed char` is a number.
        ["char"] if matches!(signedness, Some("signed" | "__signed")) => integer(8),
        ["char"] => Some(BaseType::Char),
        _ if signedness.is_some() => None,
        ["void"] => Some(BaseType::Void),
        ["boolean"] => Some(BaseType::Boolean),
        ["byte"] => Some(BaseType::Byte),
        ["wchar_t"] => Some(BaseType::WideChar),
        ["float"] => Some(BaseType::Float),
        ["double"] => Some(BaseType::Double),
        ["handle_t"] => Some(BaseType::Handle),
        _ => None,
    }
}
