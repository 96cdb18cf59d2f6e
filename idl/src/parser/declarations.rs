//! Files, interfaces, and what stands in them.

use super::{Parsed, Parser};
use crate::ast::{
    Attributes, BaseType, Constant, Declaration, Declarator, Declared, Import, Interface,
    LevelKind, Name, Operation, TypeKind, Typedef,
};
use crate::diagnostic::Report;
use crate::token::{Punctuation, TokenKind};

impl Parser<'_> {
    /// A whole file.
    pub(super) fn file(&mut self) -> (Vec<Import>, Vec<Declaration>) {
        let mut body = Body::default();
        while !self.at_end() {
            if self.declaration(&mut body, true).is_err() {
                self.recover();
            }
            if self.at_punctuation(Punctuation::BraceClose) {
                let _ = self.unexpected::<()>("a declaration");
                self.advance();
            }
        }
        (body.imports, body.declarations)
    }

    fn declaration(&mut self, body: &mut Body, outside: bool) -> Parsed<()> {
        if self.take(Punctuation::Semicolon) {
            return Ok(());
        }
        let docs = self.docs();
        let attributes = self.attributes()?;
        let word = self.peek_name().unwrap_or_default().to_owned();
        match word.as_str() {
            "import" => self.import(&mut body.imports),
            "include" | "importlib" | "cpp_quote" | "midl_pragma" | "pragma" => {
                self.ignored_statement()
            }
            "interface" if outside => self.interface(attributes, docs, body),
            "declare" => {
                let report = Report::unsupported(self.span(), "a type that is declared only is");
                self.reports
                    .add(report.help("import the file that defines it"));
                self.recover();
                Ok(())
            }
            "library" | "coclass" | "dispinterface" | "module" => {
                self.reports.add(
                    Report::error(
                        self.span(),
                        format!("`{word}` belongs to COM, which this compiler does not do"),
                        "refused",
                    )
                    .help("keep the interfaces of RPC in a file of their own"),
                );
                self.recover();
                Ok(())
            }
            "const" => {
                let constant = self.constant(docs)?;
                body.declarations.push(Declaration::Constant(constant));
                Ok(())
            }
            "typedef" => {
                let typedef = self.typedef(attributes, docs)?;
                body.declarations.push(Declaration::Typedef(typedef));
                Ok(())
            }
            _ => self.type_or_operation(attributes, docs, body),
        }
    }

    /// `import "a.idl", "b.idl";`
    fn import(&mut self, imports: &mut Vec<Import>) -> Parsed<()> {
        self.advance();
        loop {
            let span = self.span();
            let path = self.string("the name of a file")?;
            imports.push(Import { path, span });
            if !self.take(Punctuation::Comma) {
                break;
            }
        }
        self.expect(Punctuation::Semicolon, "after the import")
    }

    /// What is meant for a C compiler: `cpp_quote("…")`, `include "x.h";` and their like.
    fn ignored_statement(&mut self) -> Parsed<()> {
        self.advance();
        if self.take(Punctuation::ParenOpen) {
            while !self.take(Punctuation::ParenClose) {
                if self.at_end() {
                    return self.unexpected("`)`");
                }
                self.advance();
            }
        } else {
            while matches!(
                self.token().kind,
                TokenKind::String(_) | TokenKind::Punctuation(Punctuation::Comma)
            ) {
                self.advance();
            }
        }
        self.take(Punctuation::Semicolon);
        Ok(())
    }

    fn interface(
        &mut self,
        attributes: Attributes,
        docs: Vec<String>,
        outer: &mut Body,
    ) -> Parsed<()> {
        self.advance();
        let name = self.name("the name of the interface")?;
        if self.take(Punctuation::Semicolon) {
            // Declared here, defined elsewhere.
            return Ok(());
        }
        if self.at_punctuation(Punctuation::Colon) {
            self.reports.add(Report::error(
                self.span(),
                "an interface of RPC inherits from none",
                "inheritance is for COM",
            ));
            self.advance();
            self.name("the name of an interface")?;
        }
        self.expect(Punctuation::BraceOpen, "before the interface's body")?;
        let mut body = Body::default();
        while !self.at_punctuation(Punctuation::BraceClose) && !self.at_end() {
            if self.declaration(&mut body, false).is_err() {
                self.recover();
            }
        }
        outer.imports.append(&mut body.imports);
        outer.declarations.push(Declaration::Interface(Interface {
            name,
            attributes,
            docs,
            declarations: body.declarations,
        }));
        self.expect(Punctuation::BraceClose, "at the end of the interface")?;
        self.take(Punctuation::Semicolon);
        Ok(())
    }

    /// `const type name = expression;`
    fn constant(&mut self, docs: Vec<String>) -> Parsed<Constant> {
        self.advance();
        let specifier = self.type_specifier()?;
        let declarator = self.declarator()?;
        self.expect(Punctuation::Equal, "after the name of the constant")?;
        let value = self.expression()?;
        self.expect(Punctuation::Semicolon, "after the constant")?;
        let docs = self.or_trailing(docs);
        Ok(Constant {
            name: declarator.name.clone(),
            ty: Some(Declared {
                attributes: Attributes::default(),
                specifier,
                declarator,
                docs: Vec::new(),
            }),
            value,
            docs,
        })
    }

    fn typedef(&mut self, mut attributes: Attributes, docs: Vec<String>) -> Parsed<Typedef> {
        self.advance();
        attributes.items.extend(self.attributes()?.items);
        let specifier = self.type_specifier()?;
        let mut declarators = Vec::new();
        loop {
            declarators.push(self.declarator()?);
            if !self.take(Punctuation::Comma) {
                break;
            }
        }
        if self.at_punctuation(Punctuation::ParenOpen) {
            let report = Report::unsupported(self.span(), "a pointer to a function is");
            self.reports.add(report);
            return Err(super::Reported);
        }
        self.expect(Punctuation::Semicolon, "after the typedef")?;
        let docs = self.or_trailing(docs);
        Ok(Typedef {
            attributes,
            specifier,
            declarators,
            docs,
        })
    }

    /// `struct s { … };` or `long operation(…);`
    fn type_or_operation(
        &mut self,
        mut attributes: Attributes,
        docs: Vec<String>,
        body: &mut Body,
    ) -> Parsed<()> {
        if self.peek_name().is_none() {
            return self.unexpected("a declaration");
        }
        let specifier = self.type_specifier()?;
        if self.take(Punctuation::Semicolon) {
            return self.bare_type(attributes, specifier, docs, body);
        }
        attributes.items.extend(self.attributes()?.items);
        let Declarator { name, levels } = self.declarator()?;
        if let Some(level) = levels
            .iter()
            .find(|level| matches!(level.kind, LevelKind::Array(_)))
        {
            self.reports.add(Report::error(
                level.span,
                "an operation returns no array",
                "return a structure, or a pointer",
            ));
        }
        self.expect(Punctuation::ParenOpen, "after the name of an operation")?;
        let parameters = self.parameters()?;
        self.expect(Punctuation::Semicolon, "after the operation")?;
        body.declarations.push(Declaration::Operation(Operation {
            name,
            attributes,
            specifier,
            levels,
            parameters,
            docs,
        }));
        Ok(())
    }

    fn bare_type(
        &mut self,
        attributes: Attributes,
        specifier: crate::ast::TypeSpecifier,
        docs: Vec<String>,
        body: &mut Body,
    ) -> Parsed<()> {
        let tag = match &specifier.kind {
            TypeKind::Structure(structure) => structure.tag.clone(),
            TypeKind::Union(union) => union.tag.clone(),
            TypeKind::Enumeration(enumeration) => enumeration.tag.clone(),
            TypeKind::Tag(_) => None,
            _ => {
                self.reports.add(Report::error(
                    specifier.span,
                    "expected a name after the type",
                    "declares nothing",
                ));
                None
            }
        };
        body.declarations.push(match tag {
            // A typedef, so that attributes and documentation are kept.
            Some(tag) if !attributes.items.is_empty() || !docs.is_empty() => {
                Declaration::Typedef(Typedef {
                    attributes,
                    specifier,
                    declarators: vec![Declarator {
                        name: tag,
                        levels: Vec::new(),
                    }],
                    docs,
                })
            }
            _ => Declaration::Type(specifier),
        });
        Ok(())
    }

    /// What stands between the parentheses of an operation, and the closing one.
    fn parameters(&mut self) -> Parsed<Vec<Declared>> {
        let mut parameters = Vec::new();
        if self.take(Punctuation::ParenClose) {
            return Ok(parameters);
        }
        loop {
            let docs = self.docs();
            let mut attributes = self.attributes()?;
            let specifier = self.type_specifier()?;
            attributes.items.extend(self.attributes()?.items);
            let (name, levels) = self.any_declarator()?;
            let is_void = matches!(specifier.kind, TypeKind::Base(BaseType::Void));
            let is_nothing =
                is_void && name.is_none() && levels.is_empty() && parameters.is_empty();
            if is_nothing && self.take(Punctuation::ParenClose) {
                return Ok(parameters);
            }
            let name = name.unwrap_or_else(|| Name {
                text: format!("parameter{}", parameters.len() + 1),
                span: specifier.span,
            });
            let more = self.take(Punctuation::Comma);
            let docs = self.or_trailing(docs);
            parameters.push(Declared {
                attributes,
                specifier,
                declarator: Declarator { name, levels },
                docs,
            });
            if !more {
                break;
            }
        }
        self.expect(Punctuation::ParenClose, "or `,` after the parameter")?;
        Ok(parameters)
    }
}

#[derive(Default)]
struct Body {
    imports: Vec<Import>,
    declarations: Vec<Declaration>,
}
