//! What is not as the definition has it does not compile. Each example differs in one thing from one
//! that does; `cargo +nightly test --doc` also compares the numbers of the errors.
//!
//! A manager has every routine, with the types of the definition:
//!
//! ```
//! # use annulus::{AsyncContext, Status};
//! # use annulus_idl_e2e::rules::RulesAsync;
//! struct Manager;
//!
//! impl RulesAsync for Manager {
//!     async fn hint(&self, _: AsyncContext, _: String) -> Result<(), Status> {
//!         Ok(())
//!     }
//!
//!     async fn acquire(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
//!         Ok(number)
//!     }
//!
//!     async fn r#use(&self, _: AsyncContext, _: Vec<u8>) -> Result<(), Status> {
//!         Ok(())
//!     }
//! }
//! ```
//!
//! ```compile_fail,E0046
//! # use annulus::{AsyncContext, Status};
//! # use annulus_idl_e2e::rules::RulesAsync;
//! # struct Manager;
//! impl RulesAsync for Manager {
//!     async fn acquire(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
//!         Ok(number)
//!     }
//!
//!     async fn r#use(&self, _: AsyncContext, _: Vec<u8>) -> Result<(), Status> {
//!         Ok(())
//!     }
//! }
//! ```
//!
//! ```compile_fail,E0053
//! # use annulus::{AsyncContext, Status};
//! # use annulus_idl_e2e::rules::RulesAsync;
//! # struct Manager;
//! impl RulesAsync for Manager {
//!     async fn hint(&self, _: AsyncContext, _: String) -> Result<(), Status> {
//!         Ok(())
//!     }
//!
//!     async fn acquire(&self, _: AsyncContext, number: u32) -> Result<i32, Status> {
//!         Ok(number as i32)
//!     }
//!
//!     async fn r#use(&self, _: AsyncContext, _: Vec<u8>) -> Result<(), Status> {
//!         Ok(())
//!     }
//! }
//! ```
//!
//! Its routines are futures, where the trait has futures:
//!
//! ```compile_fail,E0277
//! # use annulus::{AsyncContext, Status};
//! # use annulus_idl_e2e::rules::RulesAsync;
//! # struct Manager;
//! impl RulesAsync for Manager {
//!     async fn hint(&self, _: AsyncContext, _: String) -> Result<(), Status> {
//!         Ok(())
//!     }
//!
//!     fn acquire(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
//!         Ok(number)
//!     }
//!
//!     async fn r#use(&self, _: AsyncContext, _: Vec<u8>) -> Result<(), Status> {
//!         Ok(())
//!     }
//! }
//! ```
//!
//! All cores share it, so it is `Sync`, though its futures need not be:
//!
//! ```compile_fail,E0277
//! # use annulus::{AsyncContext, Status};
//! # use annulus_idl_e2e::rules::RulesAsync;
//! struct Manager(std::rc::Rc<()>);
//!
//! impl RulesAsync for Manager {
//! #   async fn hint(&self, _: AsyncContext, _: String) -> Result<(), Status> {
//! #       Ok(())
//! #   }
//! #   async fn acquire(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
//! #       Ok(number)
//! #   }
//! #   async fn r#use(&self, _: AsyncContext, _: Vec<u8>) -> Result<(), Status> {
//! #       Ok(())
//! #   }
//! }
//! ```
//!
//! The end of a pipe has one direction, and elements of one type:
//!
//! ```
//! # use annulus::Status;
//! # use annulus_idl_e2e::pipes::PipesClient;
//! fn send(client: &PipesClient) -> Result<(), Status> {
//!     let (_, mut pipes) = client.sum("")?;
//!     pipes.numbers.push(&[1_i32])
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use annulus::Status;
//! # use annulus_idl_e2e::pipes::PipesClient;
//! fn send(client: &PipesClient) -> Result<(), Status> {
//!     let (_, mut pipes) = client.sum("")?;
//!     pipes.numbers.push(&[1_u8])
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use annulus::Status;
//! # use annulus_idl_e2e::pipes::PipesClient;
//! fn send(client: &PipesClient) -> Result<(), Status> {
//!     let (_, mut pipes) = client.count(1)?;
//!     pipes.numbers.push(&[1_i64])
//! }
//! ```
//!
//! A request that borrows what was received does not outlive its routine:
//!
//! ```compile_fail,E0521
//! # use annulus::{CallContext, Status};
//! # use annulus::ndr::Utf16Str;
//! # use annulus_idl_e2e::rules::Rules;
//! # struct Manager;
//! impl Rules for Manager {
//!     fn r#use(&self, _: &mut CallContext<'_>, data: &[u8]) -> Result<(), Status> {
//!         std::thread::spawn(move || data.len());
//!         Ok(())
//!     }
//! #   fn hint(&self, _: &mut CallContext<'_>, _: Utf16Str<'_>) -> Result<(), Status> {
//! #       Ok(())
//! #   }
//! #   fn acquire(&self, _: &mut CallContext<'_>, number: i32) -> Result<i32, Status> {
//! #       Ok(number)
//! #   }
//! #   fn acquire_notify_flag(&self, _: bool) {}
//! #   fn use_notify(&self) {}
//! }
//! ```
