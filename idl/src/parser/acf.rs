//! Attribute configuration files.

use super::{Parsed, Parser};
use crate::ast::{Acf, AcfInterface, AcfItem};
use crate::token::{Punctuation, TokenKind};

impl Parser<'_> {
    /// A whole ACF file.
    pub(super) fn acf(&mut self) -> Acf {
        let mut acf = Acf::default();
        while !self.at_end() {
            if self.take(Punctuation::Semicolon) {
                continue;
            }
            match self.acf_interface() {
                Ok(interface) => acf.interfaces.push(interface),
                Err(_) => {
                    self.recover();
                    self.take(Punctuation::BraceClose);
                }
            }
        }
        acf
    }

    fn acf_interface(&mut self) -> Parsed<AcfInterface> {
        let attributes = self.attributes()?;
        if !self.take_word("interface") {
            return self.unexpected("`interface`");
        }
        let mut interface = AcfInterface {
            name: self.name("the name of the interface")?,
            attributes,
            typedefs: Vec::new(),
            operations: Vec::new(),
        };
        self.expect(Punctuation::BraceOpen, "before the interface's body")?;
        while !self.at_punctuation(Punctuation::BraceClose) && !self.at_end() {
            if self.acf_item(&mut interface).is_err() {
                self.recover();
            }
        }
        self.expect(Punctuation::BraceClose, "at the end of the interface")?;
        self.take(Punctuation::Semicolon);
        Ok(interface)
    }

    fn acf_item(&mut self, interface: &mut AcfInterface) -> Parsed<()> {
        if self.take(Punctuation::Semicolon) {
            return Ok(());
        }
        if self.take_word("include") {
            while matches!(
                self.token().kind,
                TokenKind::String(_) | TokenKind::Punctuation(Punctuation::Comma)
            ) {
                self.advance();
            }
            return self.expect(Punctuation::Semicolon, "after the include");
        }
        let is_typedef = self.take_word("typedef");
        let attributes = self.attributes()?;
        loop {
            let name = self.name("the name of an operation of the IDL file")?;
            let parameters = if !is_typedef && self.take(Punctuation::ParenOpen) {
                self.acf_parameters()?
            } else {
                Vec::new()
            };
            let item = AcfItem {
                name,
                attributes: attributes.clone(),
                parameters,
            };
            if is_typedef {
                interface.typedefs.push(item);
            } else {
                interface.operations.push(item);
            }
            if !self.take(Punctuation::Comma) {
                break;
            }
        }
        self.expect(Punctuation::Semicolon, "after the names")
    }

    fn acf_parameters(&mut self) -> Parsed<Vec<AcfItem>> {
        let mut parameters = Vec::new();
        while !self.take(Punctuation::ParenClose) {
            let attributes = self.attributes()?;
            parameters.push(AcfItem {
                name: self.name("the name of a parameter")?,
                attributes,
                parameters: Vec::new(),
            });
            if !self.at_punctuation(Punctuation::ParenClose) {
                self.expect(Punctuation::Comma, "or `)` after the parameter")?;
            }
        }
        Ok(parameters)
    }
}
